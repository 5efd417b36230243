package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// childEnv holds the task of a test process that is a server and nothing else.
const childEnv = "PLAYHEAD_INGEST_TEST_CHILD"

type childTask struct {
	Dir    string
	Stores storeAddresses
}

// child serves until SIGTERM and returns the exit code. It says its address on
// standard output.
func child() int {
	if err := runChild(); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

func runChild() error {
	var task childTask
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &task); err != nil {
		return err
	}
	bucket, idx, err := openStores(task.Stores)
	if err != nil {
		return err
	}
	cfg := DefaultConfig()
	cfg.Projects = []Project{{ID: testProject, SessionTokens: TokensOff, Keys: []Key{{Name: "golden", Key: testKey}}}}
	cfg.Journal.Dir, cfg.Journal.FileBytes, cfg.Journal.MaxBytes = task.Dir, 64<<10, 64<<20
	cfg.Flush.PackAge = 20 * time.Millisecond
	s, err := New(cfg, bucket, idx, Options{Log: quiet()})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := s.HTTPServer()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println(l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return errors.Join(s.Run(ctx), server.Close())
}

// process is a server in another process.
type process struct {
	cmd     *exec.Cmd
	address string
}

func startProcess(t *testing.T, task childTask) *process {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // may have ended
	if p.address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	p.address = strings.TrimSpace(p.address)
	return p
}

// TestKillLosesNothing kills a server at random moments in the middle of
// uploads, five times, and stops it in the end as an operator would.
func TestKillLosesNothing(t *testing.T) {
	const lives, senders, acksPerLife = 5, 8, 60
	st, o := newStores(t), newOracle()
	task := childTask{Dir: t.TempDir(), Stores: st.addresses}
	client := &http.Client{Timeout: 10 * time.Second}
	var next [senders]int // segment that each sender has not been told of
	var sent [senders]string
	for life := range lives + 1 {
		p := startProcess(t, task)
		var acks atomic.Int64
		enough := int64(1 + rand.IntN(acksPerLife))
		over := make(chan struct{})
		var sending sync.WaitGroup
		for i := range senders {
			sending.Go(func() {
				session := fmt.Sprintf("session-%d", i)
				for acks.Load() < 4*acksPerLife {
					if sent[i] == "" {
						sent[i] = clickLines(session, next[i])
					}
					if !postTo(client, p.address, headerLine(session, next[i])+"\n"+sent[i]) {
						return // the server is gone
					}
					o.ack(session, next[i], sent[i])
					next[i], sent[i] = next[i]+1, ""
					if acks.Add(1) == enough {
						close(over)
					}
				}
			})
		}
		<-over
		last := life == lives
		if last {
			sending.Wait()
		}
		p.end(t, last)
		sending.Wait()
		client.CloseIdleConnections()
	}
	o.check(t, st)
}

// end kills the server or, the last time, lets it store everything.
func (p *process) end(t *testing.T, gently bool) {
	t.Helper()
	how := map[bool]os.Signal{false: syscall.SIGKILL, true: syscall.SIGTERM}[gently]
	if err := p.cmd.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); gently && err != nil {
		t.Errorf("the server ends with %v", err)
	}
}

// postTo sends an upload and says whether it was acknowledged.
func postTo(client *http.Client, address, body string) bool {
	r, err := http.NewRequest(http.MethodPost, "http://"+address+"/v1/segments", strings.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusAccepted
}
