package main

import (
	"fmt"
	"strings"
	"time"
)

// grace is how long clients have at least, from when they are told.
const grace = 90 * 24 * time.Hour

// An ending is what a document says of the end of something deprecated.
type ending struct {
	since, sunset time.Time
	successor     string
}

// endingOf reads the ending of an element. It is wrong when the element has a
// part of one but not all of it: that is told in the changelog's words.
func endingOf(e element) (end ending, is bool, wrong string) {
	is = e.node["deprecated"] == true
	var missing []string
	for key, date := range map[string]*time.Time{"x-deprecated-at": &end.since, "x-sunset": &end.sunset} {
		text, has := e.node[key].(string)
		day, err := time.Parse(time.DateOnly, text)
		*date = day
		if has != is || is && err != nil {
			missing = append(missing, key)
		}
	}
	end.successor, _ = e.node["x-successor"].(string)
	if (end.successor != "") != is {
		missing = append(missing, "x-successor")
	}
	switch {
	case is && len(missing) > 0:
		wrong = "is deprecated without a proper " + strings.Join(missing, ", ")
	case len(missing) > 0:
		wrong = "has " + strings.Join(missing, ", ") + " but is not deprecated"
	case is && !end.sunset.After(end.since):
		wrong = "ends before it is deprecated"
	}
	return end, is, wrong
}

// endings applies the rules of deprecation to what was released and what is now,
// and takes out of the released tree what was deprecated in it and has gone: the
// rules have judged it.
func endings(base, next map[string]element, today time.Time) []change {
	var all []change
	say := func(e element, c change) {
		c.places, c.whole = []string{e.label}, true
		all = append(all, c)
	}
	for _, place := range names(next) {
		e := next[place]
		end, is, wrong := endingOf(e)
		before, had := base[place]
		last, was, _ := endingOf(before)
		switch {
		case wrong != "":
			say(e, change{rule: "deprecation-not-whole", level: breaking, section: changed, text: wrong,
				advice: "Say deprecated: true, x-deprecated-at, x-sunset and x-successor, all of them or none."})
		case is && !(had && was):
			say(e, announced(end, today))
		case was && !is:
			say(e, change{rule: "deprecation-withdrawn", level: fine, section: changed, text: "is not deprecated any more"})
		case is && !end.sunset.Equal(last.sunset):
			say(e, moved(last, end, today))
		}
	}
	for _, place := range names(base) {
		e := base[place]
		end, is, wrong := endingOf(e)
		_, kept := next[place]
		if !is || wrong != "" || kept || e.remove == nil {
			continue
		}
		ended := !today.Before(end.sunset)
		if _, owned := next[e.owner]; e.owner != "" && !owned && !ended {
			continue // what it was a part of has gone, or has another name
		}
		e.remove()
		say(e, gone(end, ended))
	}
	return all
}

// announced judges a deprecation that is new.
func announced(end ending, today time.Time) change {
	c := change{rule: "deprecated", level: fine, section: deprecated,
		text: fmt.Sprintf("is deprecated since %s, ends on %s; %s", date(end.since), date(end.sunset), instead(end.successor))}
	if end.sunset.Before(today.Add(grace)) {
		c.rule, c.level = "sunset-too-close", breaking
		c.advice = fmt.Sprintf("Give clients 90 days: x-sunset %s or later.", date(today.Add(grace)))
	}
	return c
}

// moved judges a sunset that has another date. A later one is always welcome.
func moved(last, end ending, today time.Time) change {
	c := change{rule: "sunset-moved", level: fine, section: deprecated,
		text: fmt.Sprintf("ends on %s, not on %s; %s", date(end.sunset), date(last.sunset), instead(end.successor))}
	switch {
	case end.sunset.After(last.sunset):
	case end.sunset.Before(today.Add(grace)):
		c.rule, c.level = "sunset-moved-closer", breaking
		c.advice = fmt.Sprintf("Keep x-sunset %s; if it must be sooner, %s at the soonest.", date(last.sunset), date(today.Add(grace)))
	default:
		c.level = warning
	}
	return c
}

// gone judges what has been taken away.
func gone(end ending, ended bool) change {
	if ended {
		return change{rule: "removed-after-sunset", level: fine, section: removed,
			text: fmt.Sprintf("has gone, after its end on %s; %s", date(end.sunset), instead(end.successor))}
	}
	return change{rule: "removed-before-sunset", level: breaking, section: removed,
		text:   fmt.Sprintf("has gone, but it was promised until %s", date(end.sunset)),
		advice: "Keep it until that date."}
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

// instead tells what to use, from x-successor.
func instead(successor string) string {
	if reason, none := strings.CutPrefix(successor, "none: "); none {
		return "nothing takes its place: " + reason
	}
	return "use `" + successor + "`"
}
