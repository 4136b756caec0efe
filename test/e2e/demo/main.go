// Demo does the main job against a running service, as `make demo`: it signs up,
// talks with a supplier in ten lines, reads each reply as it is written, loses
// the connection in the middle of the fourth and resumes, and checks that all
// that was streamed is stored, once. It exits with 1 and says why otherwise.
//
//	go run ./test/e2e/demo [-url http://127.0.0.1:8080] [-lines FILE]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// limit bounds the whole run; ten replies at the built-in model's pace take
// about a minute.
const limit = 10 * time.Minute

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the root of the running service")
	file := flag.String("lines", "test/e2e/testdata/negotiation.txt", "what to say, a line each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, *url, *file); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1) //nolint:gocritic // the deferred calls only free what the process frees
	}
}

func run(ctx context.Context, url, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	summary, err := journey.Run(ctx, journey.Config{
		URL: url, Lines: lines, BreakLine: min(4, len(lines)), BreakAfter: 5, Out: os.Stdout,
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", summary)
	return nil
}
