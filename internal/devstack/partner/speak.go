package partner

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// turn is one message of the conversation.
type turn struct {
	mine bool // the partner's
	text string
}

// lateAfter is the learner's turn from which the partner starts to move.
const lateAfter = 5

// cast is everybody the server can play. It is fixed once made.
type cast struct {
	director  director
	ear       *ear
	reactions map[intent][]string
	figures   map[side]figureLines
}

func newCast() *cast {
	return &cast{director: newDirector(), ear: newEar(), reactions: reactions(), figures: figureReactions()}
}

// answer says what the partner says next.
func (c *cast) answer(brief string, turns []turn) string {
	s := speaker{cast: c, scene: c.director.scene(brief), heard: c.ear.hear(turns), seed: seed(brief, turns)}
	for _, t := range turns {
		if t.mine {
			s.said = append(s.said, plainText(t.text))
			continue
		}
		s.turns++
	}
	if s.turns == 0 {
		return s.opening()
	}
	return s.reply()
}

// seed makes a number of the conversation, so that equal ones get equal answers
// and a word's difference may get another.
func seed(brief string, turns []turn) uint64 {
	h := fnv.New64a()
	h.Write([]byte(brief + strconv.Itoa(len(turns))))
	for _, t := range turns {
		h.Write([]byte(t.text + "\x00"))
	}
	return h.Sum64()
}

// speaker puts one answer together: a reaction to what was said, the partner's
// own position, and a question that moves the talk on.
type speaker struct {
	*cast
	scene
	heard
	seed  uint64
	turns int      // of the learner
	said  []string // the partner's own earlier turns, oldest first
}

// opening is the first word, when the learner has said nothing yet.
func (s *speaker) opening() string {
	return s.join("Hello.", s.pick(s.persona.greet), s.pick(s.persona.begin))
}

func (s *speaker) reply() string {
	p, talk := s.persona, s.situation
	switch s.intent {
	case greeting:
		return s.join(s.hello(), s.well(), s.pick(p.greet), s.pick(p.begin))
	case goodbye:
		return s.join(s.reaction(goodbye), s.pick(p.bye))
	case thanks:
		return s.join(s.reaction(thanks), s.ask(talk.asks, p.press[s.topic]))
	case bypass:
		return s.join(s.reaction(bypass), s.ask(talk.asks, p.begin))
	case foreign:
		return s.join(s.reaction(foreign), s.ask(p.press[s.topic], talk.asks))
	case repeat:
		return s.join(s.reaction(repeat), s.again())
	case identity:
		return s.join(s.hello(), s.pick(p.self), s.ask(talk.asks, p.begin))
	case short:
		return s.join(s.hello(), s.reaction(short), s.ask(p.press[s.topic], talk.asks))
	case agreement:
		return s.join(s.reaction(agreement), s.pick(p.agree, p.stance[s.topic]), s.ask(p.settle, talk.asks))
	case objection:
		return s.join(s.reaction(objection), s.move(p.object), s.ask(p.press[s.topic], talk.asks))
	case naming:
		return s.join(s.hello(), s.toFigure(), s.move(p.stance[s.topic]), s.ask(p.press[s.topic], talk.asks))
	default: // question, service, statement
		return s.join(s.hello(), s.reaction(s.intent), s.position(), s.ask(p.press[s.topic], talk.asks))
	}
}

// hello returns a greeting that came along with the message.
func (s *speaker) hello() string {
	if s.salute == "" {
		return ""
	}
	if s.name != "" && s.turns == 1 {
		return "{salute}, {name}."
	}
	return "{salute}."
}

func (s *speaker) well() string {
	if s.wellness {
		return "I am very well, thank you."
	}
	return ""
}

// position is the partner's view of what the talk is about. To a question it
// gives its first, which holds the fact; else any.
func (s *speaker) position() string {
	own, broad := s.persona.stance[s.topic], append(slices.Clone(s.situation.says), s.persona.stance[general]...)
	if s.intent == question && len(own) > 0 && s.topic != general {
		if first := s.pick(own[:1]); first != "" {
			return first
		}
	}
	if s.topic == general {
		return s.pick(broad)
	}
	return s.pick(own, broad)
}

// move is the partner's position under pressure: firm at first, later ready to
// give something for something.
func (s *speaker) move(first []string) string {
	if s.turns >= lateAfter {
		return s.pick(s.persona.yield, first, s.persona.stance[s.topic], s.persona.stance[general])
	}
	return s.pick(first, s.persona.stance[s.topic], s.persona.stance[general])
}

func (s *speaker) toFigure() string {
	lines := s.figures[s.persona.side]
	if s.figure.ours && (s.figure.kind == money || s.figure.kind == percent || s.figure.kind == duration) {
		return s.pick(lines.ours)
	}
	if s.turns >= lateAfter {
		return s.pick(lines.late[s.figure.kind], lines.early[s.figure.kind])
	}
	return s.pick(lines.early[s.figure.kind])
}

// reaction is the first sentence. One that takes up the learner's own word or
// figure is better than one that does not.
func (s *speaker) reaction(i intent) string {
	var full, bare []string
	for _, line := range s.reactions[i] {
		switch {
		case !s.fits(line):
		case strings.Contains(line, "{"):
			full = append(full, line)
		default:
			bare = append(bare, line)
		}
	}
	if i == agreement && s.figure.text != "" {
		full = slices.DeleteFunc(full, func(l string) bool { return !strings.Contains(l, "{figure}") })
	}
	return s.pick(full, bare)
}

// ask is the last sentence: by turns what the partner wants to know and what the
// situation calls for.
func (s *speaker) ask(first, second []string) string {
	if s.seed>>40&1 == 1 && len(second) > 0 {
		first, second = second, first
	}
	return s.pick(first, second, s.persona.press[general])
}

// again gives the partner's last question once more, or a simple one.
func (s *speaker) again() string {
	if len(s.said) > 0 {
		sentences := strings.SplitAfter(s.said[len(s.said)-1], ". ")
		if last := strings.TrimSpace(sentences[len(sentences)-1]); strings.HasSuffix(last, "?") && !strings.Contains(last, "{") {
			return last
		}
	}
	return s.ask(s.persona.press[s.topic], s.situation.asks)
}

// pick takes a line that has not been said in this conversation, from the first
// list that has one. When everything has been said, any line but the last turn's,
// and of a single line even that is left out rather than said twice running.
func (s *speaker) pick(lists ...[]string) string {
	for _, fresh := range []int{len(s.said), 1} {
		recent := s.said[max(0, len(s.said)-fresh):]
		for i, list := range lists {
			n := uint64(len(list))
			for k := uint64(0); k < n; k++ {
				line := list[(s.seed>>(8*uint(i%4))+k)%n]
				if s.fits(line) && !uttered(line, recent) {
					return line
				}
			}
		}
	}
	return ""
}

// fits says whether everything a line refers to is known.
func (s *speaker) fits(line string) bool {
	for _, slot := range s.slots() {
		if slot.value == "" && strings.Contains(line, slot.name) {
			return false
		}
	}
	return true
}

type slot struct{ name, value string }

// slots are what a line may refer to.
func (s *speaker) slots() []slot {
	return []slot{
		{"{noun}", s.noun}, {"{figure}", s.figure.text}, {"{name}", s.name},
		{"{salute}", s.salute}, {"{matter}", s.situation.matter},
	}
}

// uttered says whether a line, whatever filled it, is among the earlier turns:
// its longest part without a slot is.
func uttered(line string, said []string) bool {
	longest := ""
	for _, part := range strings.Split(line, "{") {
		if _, after, found := strings.Cut(part, "}"); found {
			part = after
		}
		if len(part) > len(longest) {
			longest = part
		}
	}
	return slices.ContainsFunc(said, func(t string) bool { return strings.Contains(t, longest) })
}

// join fills the lines and makes them one text.
func (s *speaker) join(lines ...string) string {
	var out []string
	for _, line := range lines {
		if line == "" {
			continue
		}
		for _, slot := range s.slots() {
			line = strings.ReplaceAll(line, slot.name, slot.value)
		}
		first, size := utf8.DecodeRuneInString(line)
		out = append(out, string(unicode.ToUpper(first))+line[size:])
	}
	return strings.Join(out, " ")
}

// plainText undoes what clients do to a text on its way: line breaks, spaces.
func plainText(s string) string { return strings.Join(strings.Fields(s), " ") }
