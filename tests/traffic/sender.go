package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// Sender posts uploads to one server. It is safe for concurrent use; uploads
// of one session should not be sent at the same time.
type Sender struct {
	// URL is the server's, such as http://127.0.0.1:8080.
	URL string
	// Key is the write key.
	Key string
	// Client sends; NewClient makes one that keeps connections.
	Client *http.Client
	// Now is the clock of sent_at and of durations; nil means time.Now.
	Now func() time.Time
	// Wait waits before another attempt; nil means on a timer.
	Wait func(context.Context, time.Duration) error
	// Attempts is how often an upload is sent when the answer is 408, 429, any
	// 5xx, or none. 0 means once, a negative number without end.
	Attempts int
	// Acknowledged takes what was acknowledged; nil: nobody asks.
	Acknowledged *Acknowledgements

	tokens  sync.Map // session id → token
	buffers sync.Pool
}

// retryAfter is how long a sender waits when the server does not say.
const retryAfter = 200 * time.Millisecond

// NewClient makes a client that keeps as many connections as it is given.
func NewClient(connections int) *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			MaxIdleConns: connections, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections,
			DisableCompression: true, WriteBufferSize: 64 << 10,
		},
	}
}

// Reply is the server's last answer to an upload.
type Reply struct {
	Status   int
	Attempts int
	// Duration is that of the last attempt, from the first byte sent to the
	// answer read.
	Duration time.Duration
	// RetryAfter is what the answer said, 0 when it said nothing.
	RetryAfter time.Duration
	// Snapshot and Stop are what the answer asks of the recorder.
	Snapshot, Stop bool
	// Refusal is the answer's body when it is none of success.
	Refusal string
}

// Send sends an upload until it is acknowledged, refused for good, or the
// attempts are used up. The error says that there was no answer; an answer
// that is not 202 is no error.
func (s *Sender) Send(ctx context.Context, u *Upload) (Reply, error) {
	for attempt := 1; ; attempt++ {
		reply, err := s.attempt(ctx, u)
		reply.Attempts = attempt
		if err == nil && reply.Status == http.StatusAccepted && s.Acknowledged != nil {
			s.Acknowledged.Add(u.ID(), u.Sum())
		}
		if err == nil && !again(reply.Status) || attempt == max(s.Attempts, 1) && s.Attempts >= 0 || ctx.Err() != nil {
			return reply, err
		}
		pause := reply.RetryAfter
		if pause == 0 {
			pause = retryAfter
		}
		if waitErr := s.wait(ctx, pause); waitErr != nil {
			return reply, waitErr
		}
	}
}

func again(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

func (s *Sender) attempt(ctx context.Context, u *Upload) (Reply, error) {
	buffer, _ := s.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer s.buffers.Put(buffer)
	begin := s.now()
	body, err := u.AppendBody((*buffer)[:0], begin, s.token(u.Session.ID))
	if err != nil {
		return Reply{}, err
	}
	*buffer = body
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/segments", bytes.NewReader(body))
	if err != nil {
		return Reply{}, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+s.Key)
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Content-Encoding", "gzip")
	response, err := s.Client.Do(request)
	if err != nil {
		return Reply{}, fmt.Errorf("send segment: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return Reply{}, fmt.Errorf("read answer: %w", err)
	}
	reply := Reply{Status: response.StatusCode, Duration: s.now().Sub(begin)}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		reply.RetryAfter = time.Duration(seconds) * time.Second
	}
	return reply, s.read(u, answer, &reply)
}

// read takes in what an answer asks of the recorder.
func (s *Sender) read(u *Upload, answer []byte, reply *Reply) error {
	if reply.Status != http.StatusAccepted {
		reply.Refusal = string(answer)
		return nil
	}
	var accepted struct {
		Snapshot bool   `json:"snapshot"`
		Stop     bool   `json:"stop"`
		Token    string `json:"token"`
	}
	if err := json.Unmarshal(answer, &accepted); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	reply.Snapshot, reply.Stop = accepted.Snapshot, accepted.Stop
	if accepted.Token != "" {
		s.tokens.Store(u.Session.ID, accepted.Token)
	}
	return nil
}

func (s *Sender) token(id recording.SessionID) string {
	token, _ := s.tokens.Load(id)
	text, _ := token.(string)
	return text
}

// Forget drops the token of a session that has ended.
func (s *Sender) Forget(id recording.SessionID) { s.tokens.Delete(id) }

func (s *Sender) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Sender) wait(ctx context.Context, d time.Duration) error {
	if s.Wait != nil {
		return s.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
