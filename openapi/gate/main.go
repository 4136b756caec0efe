// Gate keeps the promises that a released contract made. It compares each
// document with the newest release of it, which is a file under
// openapi/released, and blocks what would break a client.
//
//	go run ./openapi/gate check              # make contract
//	go run ./openapi/gate release [v2 ...]   # make release-contract
//	go run ./openapi/gate draft v3           # before the first release
//	go run ./openapi/gate changelog          # write the changelog again
//
// A release is the whole bundled document as it was, named after its
// info.version (v2@2.1.0.yaml); it is never edited. A document that has none is
// compared with its draft (v3@draft.yaml), if there is one: what differs is
// reported and blocks nothing. Its first release takes the draft away and turns
// the gate on.
//
// What blocks is a breaking change, since such a change needs a new major version
// and that is a new document; something deprecated that goes before its sunset;
// a sunset that moves closer than 90 days; and a deprecation that is not whole.
// Shapes are judged by oasdiff under the law of severity.go. Dates are judged
// here alone (ending.go), for one rule for operations, parameters and fields, and
// by a clock that can be set: -today. So deprecation, and every other extension,
// is hidden from oasdiff. An event stream is shown to it as an object with one
// property for each type of event (stream.go).
//
// It does not know what the server does: that the documents are kept is tested
// elsewhere.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// errBlocked means that the report says why.
var errBlocked = errors.New("blocked; docs/contract.md says what to do")

// A gate works on one repository at one time.
type gate struct {
	root    string    // of the repository
	today   time.Time // a date in UTC
	oasdiff func() (string, error)
	out     io.Writer
}

// command is main with its parts in hand; it gives the exit code.
func command(args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("gate", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Usage = func() {
		fmt.Fprintln(problems, "usage: gate [-root DIR] [-today DATE] check|release|draft|changelog [NAME ...]")
	}
	root := flags.String("root", ".", "the repository")
	today := flags.String("today", time.Now().UTC().Format(time.DateOnly), "the date by which sunsets are judged")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	date, err := time.Parse(time.DateOnly, *today)
	if err != nil || flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	g := gate{root: *root, today: date, oasdiff: builtOasdiff, out: out}
	if err := g.run(flags.Arg(0), flags.Args()[1:]); err != nil {
		fmt.Fprintf(problems, "gate %s: %v\n", flags.Arg(0), err)
		return 1
	}
	return 0
}

// run does what the verb says, with the named documents where it takes names.
func (g gate) run(verb string, names []string) error {
	switch verb {
	case "check":
		return g.check()
	case "release":
		return g.release(names)
	case "draft":
		return g.draft(names)
	case "changelog":
		return g.writeChangelog()
	}
	return errors.New("no such command")
}
