package main

import "fmt"

// addresses tells when the paths of a document do not begin any more as they did.
func addresses(base, next tree) []change {
	var all []change
	for _, url := range missing(urls(base), urls(next)) {
		all = append(all, change{rule: "server-removed", level: breaking, section: removed,
			text: fmt.Sprintf("the server `%v` is gone", url), advice: advice("server-removed")})
	}
	return all
}

func urls(doc tree) []any {
	var all []any
	servers, _ := doc["servers"].([]any)
	for _, server := range servers {
		all = append(all, asTree(server)["url"])
	}
	return all
}

// permissions tells which operations want another permission: the roles that have
// the old one may not have the new one.
func permissions(base, next tree) []change {
	now := map[string]tree{}
	for _, op := range operations(next) {
		now[op.id] = op.node
	}
	var all []change
	for _, op := range operations(base) {
		was, is := op.node["x-permission"], now[op.id]["x-permission"]
		if now[op.id] != nil && was != is && is != nil {
			all = append(all, change{rule: "permission-changed", level: warning, section: changed,
				places: []string{op.String()}, whole: true, text: fmt.Sprintf("now takes the permission `%v`", is)})
		}
	}
	return all
}
