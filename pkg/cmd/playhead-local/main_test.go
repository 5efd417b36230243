package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

func TestShopEndsWithWhoStartedIt(t *testing.T) {
	stdin, starter := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(t.Context(), []string{"shop", "-attached", "-listen", "127.0.0.1:0"}, stdin, io.Discard)
	}()
	select {
	case err := <-ended:
		t.Fatalf("it ended before: %v", err)
	default:
	}
	if err := starter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"ingest"}} {
		if err := run(context.Background(), args, strings.NewReader(""), io.Discard); err == nil || !strings.Contains(err.Error(), "playhead-local shop") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
