package main

import "maps"

// openSockets takes the frames of a WebSocket apart, so that each is judged in its
// direction: commands are what an operation is sent; of what it answers, a result is a
// field with the name of its verb, and an event one with the name of its type, as
// openStreams makes it. Which schemas they are is said by x-socket of the answer 101.
func openSockets(doc tree) {
	for _, op := range operations(doc) {
		response := resolve(doc, at(op.node, "responses", "101"))
		for _, media := range at(response, "content") {
			media := asTree(media)
			roles := at(media, "x-socket")
			if len(roles) == 0 {
				continue
			}
			op.node["requestBody"] = tree{"content": tree{"application/json": tree{"schema": component(roles, "command")}}}
			frames := tree{"reply": component(roles, "reply"), "result": component(roles, "results"), "push": withoutItsEvent(doc, component(roles, "push"))}
			collectEvents(doc, at(resolve(doc, component(roles, "push")), "properties", "event"), "event ", frames)
			media["schema"] = tree{"type": "object", "properties": frames}
		}
	}
}

// component refers to the schema that has a role.
func component(roles tree, role string) tree {
	name, _ := roles[role].(string)
	return tree{"$ref": "#/components/schemas/" + name}
}

// withoutItsEvent copies a push, whose events are compared by themselves.
func withoutItsEvent(doc, push tree) tree {
	push = maps.Clone(resolve(doc, push))
	fields := maps.Clone(at(push, "properties"))
	fields["event"] = tree{}
	push["properties"] = fields
	return push
}
