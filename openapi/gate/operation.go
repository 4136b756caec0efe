package main

import "slices"

// An operation is one method of one path.
type operation struct {
	id, method, path string
	node             tree
}

// operations gives those of a document in the order of their paths.
func operations(doc tree) []operation {
	var all []operation
	for _, path := range names(at(doc, "paths")) {
		item := at(doc, "paths", path)
		for _, method := range names(item) {
			if node := asTree(item[method]); isMethod(method) {
				id, _ := node["operationId"].(string)
				all = append(all, operation{id, method, path, node})
			}
		}
	}
	return all
}

// isMethod tells the operations from what else a path may have.
func isMethod(key string) bool {
	return slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, key)
}

// String names the operation as a change's place does.
func (o operation) String() string { return placeOf(o.id, o.method, o.path) }

// asTree gives an empty tree for what is none.
func asTree(node any) tree {
	t, _ := node.(tree)
	return t
}
