package main

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// words are the media types that are streams, and what one part of each is called.
var words = map[string]string{"text/event-stream": "event", "application/x-ndjson": "line"}

// openStreams makes of each stream's union of events an object with one property
// for each type of event. So the events of two documents are compared by their
// type, which is what a client goes by, and a type that comes is something new in
// an open object: clients ignore it. One that goes is missed.
func openStreams(doc tree) {
	for _, op := range operations(doc) {
		for _, response := range at(op.node, "responses") {
			content := at(resolve(doc, asTree(response)), "content")
			for kind, media := range content {
				word, streams := words[kind]
				events := tree{}
				collectEvents(doc, at(asTree(media), "schema"), word+" ", events)
				if streams && len(events) > 0 {
					asTree(media)["schema"] = tree{"type": "object", "properties": events}
				}
			}
		}
	}
}

// collectEvents puts the members of a union into events, by their types.
func collectEvents(doc, union tree, prefix string, events tree) {
	union = resolve(doc, union)
	members, _ := union["oneOf"].([]any)
	for i, member := range members {
		member := asTree(member)
		if _, nested := resolve(doc, member)["oneOf"]; nested {
			collectEvents(doc, member, prefix, events)
			continue
		}
		for _, kind := range typesOf(doc, union, member, i) {
			events[prefix+kind] = member
		}
	}
}

// typesOf gives the types of a union's member: those that the discriminator maps
// to it, or the one value that its type may have, or else the name of its schema.
func typesOf(doc, union, member tree, index int) []string {
	ref, _ := member["$ref"].(string)
	var types []string
	mapping := at(union, "discriminator", "mapping")
	for _, kind := range names(mapping) {
		if mapping[kind] == ref {
			types = append(types, kind)
		}
	}
	if len(types) > 0 {
		return types
	}
	if kind, ok := at(resolve(doc, member), "properties", "type")["const"].(string); ok {
		return []string{kind}
	}
	if ref == "" {
		return []string{fmt.Sprint(index + 1)}
	}
	return []string{path.Base(ref)}
}

// inStream finds the name that openStreams gave to an event and, after it, the
// place of a field in it.
var inStream = regexp.MustCompile("`(event|line) ([^`/]+)(?:/([^`]+))?`")

// wholeEvent finds what plain says of an event that came or went.
var wholeEvent = regexp.MustCompile("^(added|removed) the (event|line) ")

// otherPlaces are where else a schema is: some of them, and their number.
var otherPlaces = regexp.MustCompile(` \(shared schema: [^)]*\)`)

// plain says in words what oasdiff says of an event, and of a schema that is at
// several places.
func plain(text, schema string) string {
	text = otherPlaces.ReplaceAllString(text, "")
	in := ""
	text = inStream.ReplaceAllStringFunc(text, func(name string) string {
		part := inStream.FindStringSubmatch(name)
		event := fmt.Sprintf("%s `%s`", part[1], part[2])
		if part[3] == "" {
			return event
		}
		in = ", in the " + event
		return "`" + part[3] + "`"
	})
	for _, word := range words {
		text = strings.ReplaceAll(text, "optional property "+word+" ", word+" ")
	}
	if schema != "" {
		in += fmt.Sprintf(", and wherever else `%s` is", schema)
	}
	return text + in
}
