package scrub

// apiKeys are the keys that their prefix gives away, by the byte of the prefix
// at which the scanner looks, which is the rarest in ordinary text.
var apiKeys = []struct {
	prefix  string
	trigger int // index in prefix
	kind    func(byte) bool
	least   int // bytes after the prefix
	exact   bool
}{
	{"AKIA", 1, isUpperOrDigit, 16, true},      // AWS access key id
	{"AIza", 2, isTokenByte, 35, true},         // Google
	{"xoxb-", 0, isTokenByte, 10, false},       // Slack bot
	{"xoxp-", 0, isTokenByte, 10, false},       // Slack user
	{"sk_live_", 7, isAlnum, 16, false},        // Stripe
	{"sk_test_", 7, isAlnum, 16, false},        // Stripe
	{"ghp_", 3, isAlnum, 36, false},            // GitHub personal
	{"gho_", 3, isAlnum, 36, false},            // GitHub OAuth
	{"github_pat_", 10, isWordByte, 22, false}, // GitHub fine-grained
}

// apiKey finds a key whose trigger is at i.
func (s *scanner) apiKey(i int) int {
	for k := range apiKeys {
		key := &apiKeys[k]
		start := i - key.trigger
		if !s.has(start, key.prefix) || !s.edge(start) {
			continue
		}
		most := unlimited
		if key.exact {
			most = key.least
		}
		end := s.run(start+len(key.prefix), most, key.kind)
		if end-start-len(key.prefix) < key.least || key.exact && end < len(s.b) && isTokenByte(s.b[end]) {
			continue
		}
		return s.replace(start, end, &s.counts.APIKey)
	}
	return i + 1
}

// The shortest JWT worth the name: a header {"alg":"none"} has 18 bytes, a
// payload {} has 3.
const (
	minJWTHeaderBytes = 16
	minJWTBytes       = 24
)

// jwt finds a JSON Web Token, signed (three parts) or encrypted (five), whose
// eyJ, base64url of {", ends at i.
func (s *scanner) jwt(i int) int {
	start := i - len("eyJ") + 1
	if start < s.noJWT || !s.has(start, "eyJ") || !s.edge(start) {
		return i + 1
	}
	header := s.run(i, unlimited, isTokenByte)
	if !s.dot(header) || header-start < minJWTHeaderBytes {
		s.noJWT = header
		return i + 1
	}
	payload := s.run(header+1, unlimited, isTokenByte)
	if !s.dot(payload) {
		s.noJWT = payload
		return i + 1
	}
	end := s.run(payload, unlimited, func(c byte) bool { return isTokenByte(c) || c == '.' })
	if end-start < minJWTBytes {
		return i + 1
	}
	return s.replace(start, end, &s.counts.JWT)
}

func (s *scanner) dot(i int) bool { return i < len(s.b) && s.b[i] == '.' }

// A word after "Bearer" is a token when it is longer than words are, or has a
// digit: "bearer of", "Bearer authentication" stay.
const (
	minBearerBytes        = 8
	minBearerBytesNoDigit = 24
)

// bearer finds the token after "Bearer ", whose b is at i.
func (s *scanner) bearer(i int) int {
	if len(s.b)-i <= len("bearer ") || s.b[i+1]|0x20 != 'e' || !s.edge(i) || !isBearer(s.b[i:]) {
		return i + 1
	}
	start := s.run(i+len("bearer"), unlimited, func(c byte) bool { return c == ' ' })
	if s.has(start, "%20") {
		start += len("%20")
	}
	if start == i+len("bearer") {
		return i + 1
	}
	end, digits := start, 0
	for end < len(s.b) {
		c := s.b[end]
		if s.has(end, `\/`) {
			end++
		} else if !isAlnum(c) && c != '-' && c != '.' && c != '_' && c != '~' && c != '+' && c != '/' && c != '=' {
			break
		}
		if isDigit(c) {
			digits++
		}
		end++
	}
	length := end - start
	if length < minBearerBytes || digits == 0 && length < minBearerBytesNoDigit {
		return i + 1
	}
	return s.replace(start, end, &s.counts.Bearer)
}

// isBearer compares without case.
func isBearer(b []byte) bool {
	const word = "bearer"
	for i := range word {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}
