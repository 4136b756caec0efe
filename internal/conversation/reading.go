package conversation

// unknown is the length of a text that nothing continues.
const unknown = -1

// A reading follows what a reader holds of a reply, and lets through only what
// continues it. The log keeps the order; that nothing is missing is checked
// here, by the place of each delta in the text, since a log that was lost, cut
// to its bound or begun anew under a clock that went back could hide a hole.
// What does not continue the text is left out: the next message.started or the
// terminal event holds all of it.
type reading struct {
	attempt int // what earlier ones have left in the log is past
	length  int // of the text that the reader holds, in bytes
}

// newReading begins after a position, whose text the reader has.
func newReading(attempt int, after Position) reading {
	if after.Entry.IsZero() {
		return reading{attempt: attempt, length: unknown}
	}
	return reading{attempt: attempt, length: after.Length}
}

// restart begins again: what comes next replaces what the reader has.
func (r *reading) restart() { r.length = unknown }

// take gives the events that the reader needs, up to the first terminal one. A
// message.started replaces what is before it.
func (r *reading) take(events []Event) []Event {
	var out []Event
	for _, e := range events {
		switch {
		case e.Attempt < r.attempt:
			continue
		case e.Type == EventStarted:
			out, r.attempt, r.length = nil, e.Attempt, len(e.Text)
		case e.Type == EventDelta && e.Attempt == r.attempt && e.At == r.length:
			r.length += len(e.Text)
		case e.Type == EventDelta:
			r.restart()
			continue
		case !e.Terminal(): // of a newer release
			continue
		}
		out = append(out, e)
		if e.Terminal() {
			break
		}
	}
	return out
}
