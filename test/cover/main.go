// Cover holds the coverage floor: 80% of the statements of hand-written code, in
// total and in every package. It reads profiles of go test that may hold each
// block several times, one for each test binary.
//
//	go run ./test/cover coverage/plumbing.out coverage/rest.out
package main

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
)

const floor = 80.0

// A tally counts statements.
type tally struct{ covered, all int }

func (t tally) percent() float64 { return 100 * float64(t.covered) / float64(max(t.all, 1)) }

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cover PROFILE...")
		os.Exit(2)
	}
	packages, err := sum(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cover:", err)
		os.Exit(1)
	}
	if !report(packages) {
		os.Exit(1)
	}
}

// A block is a run of statements between two places of a file.
type block struct{ statements, runs int }

// sum tells of each package how much of it ran: a block counts as covered when any binary ran it.
func sum(files []string) (map[string]tally, error) {
	blocks := map[string]block{}
	for _, file := range files {
		if err := read(file, blocks); err != nil {
			return nil, err
		}
	}
	packages := map[string]tally{}
	for where, b := range blocks {
		source, _, _ := strings.Cut(where, ":")
		t := packages[path.Dir(source)]
		t.all += b.statements
		if b.runs > 0 {
			t.covered += b.statements
		}
		packages[path.Dir(source)] = t
	}
	return packages, nil
}

// read adds the runs of one profile to the blocks by their place.
func read(file string, blocks map[string]block) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 { // the mode line
			continue
		}
		statements, err1 := strconv.Atoi(fields[1])
		runs, err2 := strconv.Atoi(fields[2])
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%s: %q is no block", file, lines.Text())
		}
		blocks[fields[0]] = block{statements, blocks[fields[0]].runs + runs}
	}
	return lines.Err()
}

// report prints each package and says whether all are above the floor.
func report(packages map[string]tally) bool {
	var names []string
	var total tally
	for name, t := range packages {
		names = append(names, name)
		total.all += t.all
		total.covered += t.covered
	}
	sort.Strings(names)
	ok := total.percent() >= floor && total.all > 0
	for _, name := range names {
		mark := ""
		if t := packages[name]; t.percent() < floor {
			mark, ok = "  below the floor", false
		}
		fmt.Printf("%6.1f%%  %s%s\n", packages[name].percent(), name, mark)
	}
	fmt.Printf("%6.1f%%  in total; the floor is %.0f%%\n", total.percent(), floor)
	return ok
}
