package main

import "fmt"

// grown tells which open enumerations have more values, and adds these to the
// released ones, so that oasdiff sees none. An enumeration is open when the
// release says so with x-open-enum: its clients were told to expect more.
func grown(base, next map[string]element) []change {
	var all []change
	for _, place := range names(base) {
		before, after := base[place], next[place]
		if before.node["x-open-enum"] != true {
			continue
		}
		old, _ := before.node["enum"].([]any)
		now, _ := after.node["enum"].([]any)
		for _, value := range missing(now, old) {
			old = append(old, value)
			all = append(all, change{rule: "open-enum-value-added", level: fine, section: added,
				places: []string{before.label}, whole: true, text: fmt.Sprintf("may be `%v`", value)})
		}
		before.node["enum"] = old
	}
	return all
}

// missing gives the values that are in one list and not in the other.
func missing(in, from []any) []any {
	var out []any
	for _, value := range in {
		found := false
		for _, other := range from {
			found = found || other == value
		}
		if !found {
			out = append(out, value)
		}
	}
	return out
}
