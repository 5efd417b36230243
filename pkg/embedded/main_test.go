//go:build unix

package embedded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
)

// holdEnv makes this test binary a program that runs stores on the folder it
// names until it is killed.
const holdEnv = "PLAYHEAD_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		embedded.RunChild(s3gateway.Serve)
		hold(dir)
	}
	embeddedtest.Main(m)
}

// hold starts stores, prints their addresses and waits for the end of its
// standard input; then it stops them.
func hold(dir string) {
	ctx := context.Background()
	stores, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(stores.Addresses())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := stores.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
