// Package browse is the interactive view of what is stored of conversations, for a terminal: the
// newest and the worst of them, and of each its versions, what is said, what differs, and how
// healthy it is. What is open is read again every second, so that a live conversation is seen
// to grow. It changes nothing.
package browse

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/aymanbagabas/go-udiff"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/graph"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Source is where conversations come from.
type Source interface {
	Survey(ctx context.Context, in conversation.SurveyInput) ([]conversation.Overview, bool, error)
	Worst(ctx context.Context, in conversation.WorstInput) ([]conversation.Weighed, bool, error)
	Inspect(ctx context.Context, id uuid.UUID) (conversation.Inspection, error)
}

// Bounds.
const (
	pageSize = 100
	reread   = time.Second
	patience = 10 * time.Second // for one reading
)

// Config says what is shown, and where.
type Config struct {
	Source Source
	User   *uuid.UUID // only whose conversations; nil: everybody's
	Open   uuid.UUID  // that is open at first; zero: none
	In     io.Reader
	Out    io.Writer

	Width, Height int // of what is no terminal
}

// Run shows conversations until it is left.
func Run(ctx context.Context, c Config) error {
	m := Model{ctx: ctx, source: c.Source, user: c.User, open: c.Open}
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(c.In), tea.WithOutput(c.Out)}
	if c.Width > 0 {
		options = append(options, tea.WithWindowSize(c.Width, c.Height))
	}
	last, err := tea.NewProgram(m, options...).Run()
	if err != nil {
		return fmt.Errorf("browse: %w", err)
	}
	if m, ok := last.(Model); ok && m.fatal {
		return m.err
	}
	return nil
}

// Pages of an open conversation.
const (
	pageVersions = iota
	pageMessages
	pageDiff
	pageHealth
	pages
)

var pageNames = [pages]string{"1 versions", "2 messages", "3 diff", "4 health"}

// item is a line of the list.
type item struct {
	id   uuid.UUID
	line string
}

// Model is what is on the screen. Make one with Run.
type Model struct {
	ctx    context.Context //nolint:containedctx // of the program, which ends with it
	source Source
	user   *uuid.UUID // only whose; nil: everybody's

	worst  bool // instead of the newest
	items  []item
	more   bool
	cursor int

	open    uuid.UUID // zero: none
	seen    conversation.Inspection
	page    int
	version int // place of the chosen version, from the newest
	base    int64
	scroll  int
	tail    bool // the end is to be seen

	width, height int
	err           error
	fatal         bool
}

type listed struct {
	items []item
	more  bool
	err   error
}

type inspected struct {
	id    uuid.UUID
	found conversation.Inspection
	err   error
}

type tick struct{}

// Init reads what is to be seen first.
func (m Model) Init() tea.Cmd { return tea.Batch(m.read(), again()) }

func again() tea.Cmd { return tea.Tick(reread, func(time.Time) tea.Msg { return tick{} }) }

// read reads what is on the screen.
func (m Model) read() tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, patience)
		defer cancel()
		if m.open != uuid.Nil {
			found, err := m.source.Inspect(ctx, m.open)
			return inspected{m.open, found, err}
		}
		if m.worst {
			return m.readWorst(ctx)
		}
		return m.readNewest(ctx)
	}
}

func (m Model) readNewest(ctx context.Context) tea.Msg {
	found, more, err := m.source.Survey(ctx, conversation.SurveyInput{UserID: m.user, Limit: pageSize})
	out := listed{more: more, err: err}
	for _, o := range found {
		health := "  -"
		if o.Score != nil {
			health = fmt.Sprintf("%3d", *o.Score)
		}
		out.items = append(out.items, item{o.ConversationID, fmt.Sprintf("%s  %s  %-9s v%-5d %4d messages  health %s  %d findings  %s",
			o.ConversationID, o.LastActivityAt.Format(time.DateTime), o.Status, o.Version, o.Messages, health, o.Findings, record.Printable(o.Title))})
	}
	return out
}

func (m Model) readWorst(ctx context.Context) tea.Msg {
	found, more, err := m.source.Worst(ctx, conversation.WorstInput{AfterScore: -1, Limit: pageSize})
	out := listed{more: more, err: err}
	for _, w := range found {
		reasons := make([]string, len(w.Health.Reasons))
		for i, r := range w.Health.Reasons {
			reasons[i] = r.Code
		}
		out.items = append(out.items, item{w.ConversationID, fmt.Sprintf("%s  health %3d  %-9s %s", w.ConversationID, w.Health.Score, w.Status, strings.Join(reasons, ", "))})
	}
	return out
}

// Update takes a key, a size, or what was read.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case listed:
		m.err, m.fatal = msg.err, msg.err != nil && m.items == nil
		if msg.err == nil && m.open == uuid.Nil {
			m.items, m.more = msg.items, msg.more
			m.cursor = max(0, min(m.cursor, len(m.items)-1))
		}
	case inspected:
		m.inspected(msg)
	case tick:
		return m, tea.Batch(m.read(), again())
	case tea.KeyPressMsg:
		return m.key(msg.String())
	}
	if m.fatal {
		return m, tea.Quit
	}
	return m, nil
}

// inspected takes what was read of the open conversation. The chosen version stays the same one.
func (m *Model) inspected(msg inspected) {
	if msg.id != m.open {
		return
	}
	if m.err = msg.err; msg.err != nil {
		return
	}
	grown := len(msg.found.Record.Versions) - len(m.seen.Record.Versions)
	if m.seen.Record.Head.ID == msg.id && m.version > 0 {
		m.version += grown
	}
	m.seen = msg.found
	m.version = max(0, min(m.version, len(m.seen.Record.Versions)-1))
}

// key does what a key asks for.
func (m Model) key(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "q", "ctrl+c":
		return m, tea.Quit
	case "r":
		return m, m.read()
	}
	if m.open == uuid.Nil {
		return m.keyOfList(key)
	}
	return m.keyOfConversation(key)
}

func (m Model) keyOfList(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "up", "k":
		m.cursor = max(0, m.cursor-1)
	case "down", "j":
		m.cursor = max(0, min(m.cursor+1, len(m.items)-1))
	case "home", "g":
		m.cursor = 0
	case "end", "G":
		m.cursor = max(0, len(m.items)-1)
	case "w", "n":
		m.worst, m.items, m.cursor = key == "w", nil, 0
		return m, m.read()
	case "enter":
		if len(m.items) > 0 {
			m.open, m.page, m.version, m.base, m.scroll, m.tail = m.items[m.cursor].id, pageVersions, 0, 0, 0, false
			m.seen = conversation.Inspection{}
			return m, m.read()
		}
	}
	return m, nil
}

func (m Model) keyOfConversation(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "esc", "backspace":
		m.open = uuid.Nil
		return m, m.read()
	case "1", "2", "3", "4":
		m.page, m.scroll = int(key[0]-'1'), 0
		m.tail = m.page == pageMessages
	case "tab":
		m.page, m.scroll = (m.page+1)%pages, 0
		m.tail = m.page == pageMessages
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.room())
	case "pgdown", "space":
		m.move(m.room())
	case "home", "g":
		m.move(-1 << 20)
	case "end", "G":
		m.move(1 << 20)
	case "b":
		if st := m.chosen(); st != nil {
			m.base = st.Version
		}
	}
	return m, nil
}

// move goes over versions, or scrolls.
func (m *Model) move(by int) {
	if m.page == pageVersions {
		m.version = max(0, min(m.version+by, len(m.seen.Record.Versions)-1))
		return
	}
	last := max(0, len(m.lines())-m.room())
	if m.tail {
		m.scroll = last
	}
	m.scroll = max(0, min(m.scroll+by, last))
	m.tail = m.page == pageMessages && m.scroll == last
}

// chosen is the version that the cursor is at.
func (m Model) chosen() *record.Version {
	all := m.seen.Record.Versions
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1-m.version]
}

// frame is the lines around what is scrolled: two above, two below.
const frame = 4

func (m Model) room() int { return max(1, m.height-frame) }

// lines are those of the page that is open.
func (m Model) lines() []string {
	switch m.page {
	case pageVersions:
		g := graph.Of(&m.seen.Record, m.seen.Findings, m.seen.Forks)
		return strings.Split(strings.TrimSuffix(g.Text(), "\n"), "\n")
	case pageMessages:
		return m.messages()
	case pageDiff:
		return m.diff()
	}
	return m.health()
}

func (m Model) messages() []string {
	out := []string{}
	for _, said := range m.seen.Record.Messages {
		if said.Hidden != nil {
			continue
		}
		head, words, _ := strings.Cut(said.Script(), "\n")
		out = append(out, strong.Render(head))
		for line := range strings.SplitSeq(words, "\n") {
			out = append(out, strings.Split(lipgloss.Wrap(line, max(20, m.width-1), " "), "\n")...)
		}
		out = append(out, "")
	}
	return out
}

// diff compares the chosen version with the base, or with the one before it.
func (m Model) diff() []string {
	st := m.chosen()
	if st == nil {
		return nil
	}
	base := m.base
	if base == 0 {
		base = max(1, st.Version-1)
	}
	was, err := m.seen.Record.Tell(base)
	if err != nil {
		return []string{bad.Render(err.Error())}
	}
	is, err := m.seen.Record.Tell(st.Version)
	if err != nil {
		return []string{bad.Render(err.Error())}
	}
	text := udiff.Unified(fmt.Sprintf("version %d", base), fmt.Sprintf("version %d", st.Version), was.Script(), is.Script())
	if text == "" {
		return []string{"There is no difference."}
	}
	out := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range out {
		switch {
		case strings.HasPrefix(line, "+"):
			out[i] = good.Render(line)
		case strings.HasPrefix(line, "-"):
			out[i] = bad.Render(line)
		}
	}
	return out
}

func (m Model) health() []string {
	h := m.seen.Health
	out := []string{strong.Render(fmt.Sprintf("%d of 100", h.Score))}
	for _, r := range h.Reasons {
		out = append(out, fmt.Sprintf("-%d %s: %s", r.Points, r.Code, r.Detail))
	}
	if len(m.seen.Findings) > 0 {
		out = append(out, "", strong.Render("What verification finds"))
	}
	for _, f := range m.seen.Findings {
		out = append(out, bad.Render(fmt.Sprintf("version %d  %s %s: expected %s, found %s", f.Version, f.Rule, f.Subject, f.Expected, f.Found)))
	}
	return out
}

var (
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	chosen = lipgloss.NewStyle().Reverse(true)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red)
)

// View draws the screen.
func (m Model) View() tea.View {
	head, body, keys := m.list()
	if m.open != uuid.Nil {
		head, body, keys = m.conversation()
	}
	for len(body) < m.room() {
		body = append(body, "")
	}
	foot := faint.Render(keys)
	if m.err != nil {
		foot = bad.Render(m.err.Error())
	}
	all := slices.Concat([]string{strong.Render(head), ""}, body, []string{"", foot})
	for i := range all {
		all[i] = lipgloss.NewStyle().MaxWidth(max(20, m.width)).Render(all[i])
	}
	v := tea.NewView(strings.Join(all, "\n"))
	v.AltScreen, v.WindowTitle = true, "FluentPro: conversations"
	return v
}

func (m Model) list() (head string, body []string, keys string) {
	head = "Conversations, the newest activity first"
	if m.worst {
		head = "Conversations, the least healthy first"
	}
	if len(m.items) == 0 {
		body = []string{"There are none."}
	}
	for i, it := range m.items {
		line := it.line
		if i == m.cursor {
			line = chosen.Render(line)
		}
		body = append(body, line)
	}
	if m.more {
		body = append(body, faint.Render(fmt.Sprintf("only the first %d are shown", pageSize)))
	}
	return head, window(body, m.cursor, m.room()), "↑↓ choose · enter open · n newest · w worst · r read again · q leave"
}

func (m Model) conversation() (head string, body []string, keys string) {
	h := m.seen.Record.Head
	head = fmt.Sprintf("%s  %s  version %d  health %d  ", m.open, h.Status, h.Version, m.seen.Health.Score)
	for i, name := range pageNames {
		if i == m.page {
			name = "[" + name + "]"
		}
		head += " " + name
	}
	keys = "tab page · ↑↓ scroll · esc back · q leave"
	body = m.lines()
	if m.page != pageVersions {
		from := min(m.scroll, max(0, len(body)-m.room()))
		if m.tail {
			from = max(0, len(body)-m.room())
		}
		return head, body[from:min(len(body), from+m.room())], keys
	}
	if m.version < len(body) {
		body[m.version] = chosen.Render(body[m.version])
	}
	keys = "tab page · ↑↓ choose a version · b compare with this one · esc back · q leave"
	if m.base > 0 {
		keys = fmt.Sprintf("compared with version %d · %s", m.base, keys)
	}
	return head, window(body, m.version, m.room()), keys
}

// window is the part of lines around one.
func window(lines []string, at, room int) []string {
	from := max(0, min(at-room/2, len(lines)-room))
	return lines[from:min(len(lines), from+room)]
}
