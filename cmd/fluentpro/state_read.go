package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/aymanbagabas/go-udiff"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/graph"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Bounds of lists.
const (
	defaultRows = 20
	maxRows     = 1000
	titleWidth  = 40
)

const stampFormat = "2006-01-02 15:04:05"

func stampOf(t time.Time) string { return t.UTC().Format(stampFormat) }

func (in *inspector) list() *cobra.Command {
	var learner string
	var q conversation.SurveyInput
	cmd := &cobra.Command{
		Use: "list", Short: "List conversations, the newest activity first", Args: cobra.NoArgs,
		RunE: in.run(func(cmd *cobra.Command, _ []string) (err error) {
			if q.Limit < 1 || q.Limit > maxRows {
				return fmt.Errorf("--limit must be between 1 and %d", maxRows)
			}
			if q.UserID, err = in.learner(cmd, learner); err != nil {
				return err
			}
			all, more, err := in.desk.Conversations.Survey(cmd.Context(), q)
			if err != nil {
				return err
			}
			return list(in.out, all, func() {
				rows := make([][]string, len(all))
				for i, o := range all {
					rows[i] = []string{o.ConversationID.String(), o.UserID.String(), o.Status, strconv.FormatInt(o.Version, 10), strconv.Itoa(o.Messages),
						stampOf(o.LastActivityAt), score(o.Score), count(o.Findings), cut(o.Title, titleWidth)}
				}
				in.out.table([]string{"CONVERSATION", "LEARNER", "STATUS", "VERSION", "MESSAGES", "LAST ACTIVITY", "HEALTH", "FINDINGS", "TITLE"}, rows)
				if more {
					fmt.Fprintln(in.out, faint.Render("There are more; --limit shows up to 1000."))
				}
			})
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&learner, "user", "", "only those of a learner, by id or email")
	flags.StringVar(&q.Status, "status", "", "only active, paused, completed, archived or error ones")
	flags.BoolVar(&q.Damaged, "damaged", false, "only those of which the last verification found something")
	flags.IntVar(&q.Limit, "limit", defaultRows, "how many at most")
	return cmd
}

func score(n *int) string {
	switch {
	case n == nil:
		return faint.Render("-")
	case *n < 50:
		return bad.Render(strconv.Itoa(*n))
	case *n < 100:
		return warned.Render(strconv.Itoa(*n))
	}
	return good.Render(strconv.Itoa(*n))
}

func count(n int64) string {
	if n == 0 {
		return "0"
	}
	return bad.Render(strconv.FormatInt(n, 10))
}

// cut gives one line of so many characters at most.
func cut(text string, width int) string {
	runes := []rune(record.Printable(strings.Join(strings.Fields(text), " ")))
	if len(runes) <= width {
		return string(runes)
	}
	return string(runes[:width-1]) + "…"
}

// inspection is what show writes for programs.
type inspection struct {
	Head     record.Head      `json:"conversation"`
	Health   record.Health    `json:"health"`
	Findings []record.Finding `json:"findings"`
	Forks    []uuid.UUID      `json:"forks"`
}

func (in *inspector) show() *cobra.Command {
	return &cobra.Command{
		Use: "show CONVERSATION", Short: "Show one conversation, verified now, and what is wrong with it", Args: cobra.ExactArgs(1),
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			id, err := conversationID(args[0])
			if err != nil {
				return err
			}
			found, err := in.desk.Conversations.Inspect(cmd.Context(), id)
			if err != nil {
				return err
			}
			thing := inspection{found.Record.Head, found.Health, found.Findings, found.Forks}
			if err := in.out.show(thing, func() { in.people(thing, len(found.Record.Versions)) }); err != nil {
				return err
			}
			return damaged(len(found.Findings))
		}),
	}
}

// damaged is the exit code of so many findings.
func damaged(findings int) error {
	if findings > 0 {
		return exitCode{code: exitDamaged}
	}
	return nil
}

func (in *inspector) people(thing inspection, versions int) {
	h := thing.Head
	limit, reply, parent := "none", "none", "-"
	if h.TokenLimit != nil {
		limit = strconv.FormatInt(*h.TokenLimit, 10)
	}
	if h.ReplyID != nil {
		reply = h.ReplyID.String()
	}
	if h.ParentID != nil && h.ParentVersion != nil {
		parent = fmt.Sprintf("version %d of %s", *h.ParentVersion, h.ParentID)
	}
	in.out.members("conversation", h.ID.String(), "title", record.Printable(h.Title), "learner", h.UserID.String(), "scene", h.PartnerID+", "+h.SituationID,
		"status", h.Status, "version", fmt.Sprintf("%d (%d are there)", h.Version, versions), "messages", strconv.Itoa(h.MessageCount),
		"tokens", fmt.Sprintf("%d of %s", h.TokensUsed, limit), "reply under way", reply, "forked from", parent,
		"created", stampOf(h.CreatedAt), "last activity", stampOf(h.LastActivityAt), "health", score(&thing.Health.Score))
	for _, r := range thing.Health.Reasons {
		fmt.Fprintf(in.out, "  -%d %s: %s\n", r.Points, r.Code, r.Detail)
	}
	if len(thing.Findings) == 0 {
		return
	}
	fmt.Fprintln(in.out)
	in.findings(thing.Findings)
	fmt.Fprintf(in.out, "\nWhat would make it good: fluentpro state rollback %s\n", h.ID)
}

func (in *inspector) findings(all []record.Finding) {
	rows := make([][]string, len(all))
	for i, f := range all {
		rows[i] = row(f)
	}
	in.out.table([]string{"VERSION", "RULE", "SUBJECT", "EXPECTED", "FOUND"}, rows)
}

func row(f record.Finding) []string {
	return []string{strconv.FormatInt(f.Version, 10), bad.Render(f.Rule), f.Subject, cut(f.Expected, titleWidth), cut(f.Found, titleWidth)}
}

func (in *inspector) messages() *cobra.Command {
	var version int64
	var hidden, watch bool
	cmd := &cobra.Command{
		Use: "messages CONVERSATION", Short: "Show what is said in a conversation, now or as of a version", Args: cobra.ExactArgs(1),
		Long: "Show the messages as they are stored, or with --version as the versions tell them, which also works where they are damaged.\n" +
			"With --watch, go on with what comes, word by word. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			r, err := in.record(cmd, args[0])
			if err != nil {
				return err
			}
			told := record.Told{Head: r.Head, Messages: r.Messages}
			if version > 0 {
				if told, err = tell(&r, version); err != nil {
					return err
				}
			}
			shown := slices.DeleteFunc(slices.Clone(told.Messages), func(m record.Message) bool { return m.Hidden != nil && !hidden })
			if err := list(in.out, shown, func() { in.script(shown) }); err != nil || !watch {
				return err
			}
			return in.follow(cmd.Context(), r.Head)
		}),
	}
	flags := cmd.Flags()
	flags.Int64Var(&version, "version", 0, "as of this version")
	flags.BoolVar(&hidden, "hidden", false, "also those that a step back has hidden")
	flags.BoolVar(&watch, "watch", false, "follow the conversation until Ctrl-C")
	return cmd
}

// tell tells a conversation as of a version, and says where that ends.
func tell(r *record.Record, version int64) (record.Told, error) {
	told, err := r.Tell(version)
	if err != nil {
		return told, exitCode{exitDamaged, fmt.Errorf("what the conversation was in version %d is not known: %w", version, err)}
	}
	return told, nil
}

func (in *inspector) script(messages []record.Message) {
	for _, m := range messages {
		head, words, _ := strings.Cut(m.Script(), "\n")
		style := strong
		if m.Hidden != nil {
			style = faint
			head += fmt.Sprintf(", hidden in version %d", *m.Hidden)
		}
		fmt.Fprintf(in.out, "%s\n%s\n\n", style.Render(head), words)
	}
}

func (in *inspector) versions() *cobra.Command {
	var drawing string
	cmd := &cobra.Command{
		Use: "versions CONVERSATION", Short: "Draw the versions of a conversation, the newest on top", Args: cobra.ExactArgs(1),
		Long: "Draw the versions with steps back, recoveries and forks: as text, or for a ticket as SVG or DOT (graphviz.org).\n" + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			id, err := conversationID(args[0])
			if err != nil {
				return err
			}
			found, err := in.desk.Conversations.Inspect(cmd.Context(), id)
			if err != nil {
				return err
			}
			g := graph.Of(&found.Record, found.Findings, found.Forks)
			switch drawing {
			case "svg":
				_, err = io.WriteString(in.out, g.SVG())
			case "dot":
				_, err = io.WriteString(in.out, g.DOT())
			case "text":
				err = list(in.out, found.Record.History(len(found.Record.Versions)), func() { _, _ = io.WriteString(in.out, g.Text()) })
			default:
				err = fmt.Errorf("--graph must be text, svg or dot, not %q", drawing)
			}
			if err != nil {
				return err
			}
			return damaged(len(found.Findings))
		}),
	}
	cmd.Flags().StringVar(&drawing, "graph", "text", "text, svg or dot")
	return cmd
}

// comparison is what diff writes for programs.
type comparison struct {
	Before string `json:"before"`
	After  string `json:"after"`
	Diff   string `json:"diff"` // unified
}

func (in *inspector) diff() *cobra.Command {
	return &cobra.Command{
		Use: "diff CONVERSATION [BEFORE [AFTER]]", Short: "Compare two versions, or what is stored with what the versions tell", Args: cobra.RangeArgs(1, 3),
		Long: "Compare two versions, the second being the newest unless it is given; without any, what the versions tell with what is stored:\n" +
			"what is damaged. " + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			r, err := in.record(cmd, args[0])
			if err != nil {
				return err
			}
			numbers := []int64{}
			for _, text := range args[1:] {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil || n < 1 || n > r.Head.Version {
					return fmt.Errorf("%q is not a version: there are 1 to %d", text, r.Head.Version)
				}
				numbers = append(numbers, n)
			}
			c, err := compare(&r, numbers)
			if err != nil {
				return err
			}
			if err := in.out.show(c, func() { in.unified(c.Diff) }); err != nil || len(numbers) > 0 || c.Diff == "" {
				return err
			}
			return exitCode{code: exitDamaged}
		}),
	}
}

func compare(r *record.Record, versions []int64) (comparison, error) {
	c := comparison{Before: "as the versions tell", After: "as stored"}
	before, after := r.Head.Version, int64(0)
	if len(versions) > 0 {
		before, after = versions[0], r.Head.Version
		if len(versions) > 1 {
			after = versions[1]
		}
		c.Before, c.After = fmt.Sprintf("version %d", before), fmt.Sprintf("version %d", after)
	}
	was, err := tell(r, before)
	if err != nil {
		return c, err
	}
	is := record.Told{Head: r.Head, Messages: r.Messages}
	if after > 0 {
		if is, err = tell(r, after); err != nil {
			return c, err
		}
	}
	c.Diff = udiff.Unified(c.Before, c.After, was.Script(), is.Script())
	return c, nil
}

func (in *inspector) unified(diff string) {
	if diff == "" {
		fmt.Fprintln(in.out, "There is no difference.")
	}
	for line := range strings.Lines(diff) {
		style := lipgloss.NewStyle()
		switch line[0] {
		case '+':
			style = good
		case '-':
			style = bad
		case '@':
			style = faint
		}
		fmt.Fprintln(in.out, style.Render(strings.TrimSuffix(line, "\n")))
	}
}

func (in *inspector) search() *cobra.Command {
	var learner string
	cmd := &cobra.Command{
		Use: "search WORDS", Short: "Find where a learner's conversations ever said something, shown or not", Args: cobra.ExactArgs(1),
		Long: "Find words as they were written, whatever their case, in messages and in every version, also where the message itself is lost.\n" + whichDatabase,
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			user, err := in.learner(cmd, learner)
			if err != nil {
				return err
			}
			found, err := in.desk.Conversations.Sayings(cmd.Context(), *user, args[0])
			if err != nil {
				return err
			}
			if err := list(in.out, found, func() {
				rows := make([][]string, len(found))
				for i, s := range found {
					shown := good.Render("yes")
					if !s.Shown {
						shown = bad.Render("no")
					}
					rows[i] = []string{s.ConversationID.String(), strconv.FormatInt(s.Version, 10), s.Operation, stampOf(s.At), shown, record.Printable(s.Excerpt)}
				}
				in.out.table([]string{"CONVERSATION", "VERSION", "OPERATION", "AT", "SHOWN", "WORDS"}, rows)
			}); err != nil || len(found) > 0 {
				return err
			}
			return exitCode{exitAbsent, errors.New("that was written nowhere")}
		}),
	}
	cmd.Flags().StringVar(&learner, "user", "", "the learner, by id or email")
	_ = cmd.MarkFlagRequired("user") // it is there
	return cmd
}

func (in *inspector) stats() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "Count what is stored, and tell how new the newest of it is", Args: cobra.NoArgs,
		RunE: in.run(func(cmd *cobra.Command, _ []string) error {
			s, err := in.desk.Conversations.Stats(cmd.Context())
			if err != nil {
				return err
			}
			return in.out.show(s, func() { in.counts(s) })
		}),
	}
}

func (in *inspector) counts(s conversation.Stats) {
	ago := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return fmt.Sprintf("%s (%s ago)", stampOf(*t), time.Since(*t).Round(time.Second))
	}
	var total int64
	statuses := []string{}
	for _, status := range slices.Sorted(maps.Keys(s.Conversations)) {
		total += s.Conversations[status]
		statuses = append(statuses, fmt.Sprintf("%d %s", s.Conversations[status], status))
	}
	in.out.members("conversations", fmt.Sprintf("%d (%s)", total, cmp.Or(strings.Join(statuses, ", "), "none")), "messages", strconv.FormatInt(s.Messages, 10),
		"versions", strconv.FormatInt(s.Versions, 10), "on disk", fmt.Sprintf("%.1f MiB", float64(s.Bytes)/(1<<20)), "newest version", ago(s.Newest),
		"damaged", fmt.Sprintf("%s, with %d findings", count(s.Damaged), s.Findings), "verified", ago(s.VerifiedAt), "verified as a whole", ago(s.WholeAt))
	rows := make([][]string, len(s.Days))
	for i, d := range s.Days {
		rows[i] = []string{d.Day, strconv.FormatInt(d.Versions, 10), strconv.FormatInt(d.Conversations, 10)}
	}
	fmt.Fprintln(in.out)
	in.out.table([]string{"DAY (UTC)", "VERSIONS", "CONVERSATIONS"}, rows)
}

func (in *inspector) health() *cobra.Command {
	limit := defaultRows
	cmd := &cobra.Command{
		Use: "health", Short: "List the conversations that something is to be said against, the worst first", Args: cobra.NoArgs,
		RunE: in.run(func(cmd *cobra.Command, _ []string) error {
			all, more, err := in.desk.Conversations.Worst(cmd.Context(), conversation.WorstInput{AfterScore: -1, Limit: limit})
			if err != nil {
				return err
			}
			return list(in.out, all, func() {
				rows := make([][]string, len(all))
				for i, w := range all {
					reasons := make([]string, len(w.Health.Reasons))
					for j, r := range w.Health.Reasons {
						reasons[j] = fmt.Sprintf("%s -%d", r.Code, r.Points)
					}
					rows[i] = []string{score(&w.Health.Score), w.ConversationID.String(), w.UserID.String(), w.Status, stampOf(w.At), strings.Join(reasons, ", ")}
				}
				in.out.table([]string{"HEALTH", "CONVERSATION", "LEARNER", "STATUS", "WEIGHED", "REASONS"}, rows)
				if more {
					fmt.Fprintln(in.out, faint.Render("There are more; --limit shows up to 100."))
				}
			})
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many at most, 1 to 100")
	return cmd
}
