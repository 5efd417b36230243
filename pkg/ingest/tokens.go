package ingest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	// secretBytes are drawn for a new secret: as many as SHA-256 makes use of.
	secretBytes = 32

	// minSecret is the shortest line of a secret file, in characters: 32 hex
	// digits are 128 bits.
	minSecret = 32

	// maxSecretFile is more than any number of secrets in rotation needs.
	maxSecretFile = 64 << 10

	// tokenLabel keeps the tokens apart from anything else that might be made
	// with the secret one day.
	tokenLabel = "playhead session token v1"
)

// tokens makes and checks session tokens. A token is the HMAC-SHA256 of project
// and session: it opens this session and no other, and nothing has to be kept
// to check it, on any server that has the secret.
type tokens struct {
	secrets [][]byte // the first makes tokens
}

// loadTokens reads the secret file, which is written when it is absent.
func loadTokens(path string) (*tokens, error) {
	if path == "" {
		return &tokens{secrets: [][]byte{newSecret()}}, nil
	}
	secrets, err := readSecrets(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeSecret(path); err != nil {
			return nil, fmt.Errorf("write session_tokens.secret_file: %w", err)
		}
		secrets, err = readSecrets(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read session_tokens.secret_file: %w", err)
	}
	return &tokens{secrets: secrets}, nil
}

func newSecret() []byte {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return []byte(base64.RawURLEncoding.EncodeToString(b))
}

func readSecrets(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) > maxSecretFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxSecretFile)
	}
	var secrets [][]byte
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < minSecret {
			return nil, fmt.Errorf("%s: a secret has fewer than %d characters", path, minSecret)
		}
		secrets = append(secrets, []byte(line))
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%s holds no secret", path)
	}
	return secrets, nil
}

// writeSecret makes a secret file with a new secret, all at once: of two
// servers that start together on one folder, one writes and both read the same.
func writeSecret(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".session-tokens-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(append(newSecret(), '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// of returns the token of a session.
func (t *tokens) of(project recording.ProjectID, session recording.SessionID) string {
	return base64.RawURLEncoding.EncodeToString(sum(t.secrets[0], project, session))
}

// check says whether a token opens a session, and whether it was made with
// today's secret. The time it takes says nothing about the token.
func (t *tokens) check(token string, project recording.ProjectID, session recording.SessionID) (valid, current bool) {
	given, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return false, false
	}
	for i, secret := range t.secrets {
		if hmac.Equal(given, sum(secret, project, session)) {
			valid, current = true, current || i == 0
		}
	}
	return valid, current
}

func sum(secret []byte, project recording.ProjectID, session recording.SessionID) []byte {
	mac := hmac.New(sha256.New, secret)
	// Neither id can hold a NUL, so that no two pairs are spelt alike.
	mac.Write([]byte(tokenLabel + "\x00" + string(project) + "\x00" + string(session)))
	return mac.Sum(nil)
}
