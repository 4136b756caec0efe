package partner

// persona is one of the people at work whom the learner talks to. Each has a
// file of its own with the lines it speaks.
type persona struct {
	id     string
	words  []string // in a system prompt; "~" marks a word that others use too
	side   side
	self   []string           // who I am
	greet  []string           // after the greeting
	begin  []string           // the first question
	object []string           // to a refusal
	yield  []string           // late in the talk: something for something
	agree  []string           // to an agreement
	settle []string           // questions once something is agreed
	stance map[topic][]string // what I hold on a topic; also the answer to a question about it
	press  map[topic][]string // what I ask about it
	bye    []string           // before I go
}

// in gives the persona as it speaks in a situation. Where the talk is personal
// it leaves prices and terms at home.
func (p persona) in(t situation) persona {
	if t.personal == nil {
		return p
	}
	p.side, p.yield = shares, nil
	p.greet, p.settle = t.says, t.asks
	p.begin, p.object, p.agree, p.bye = t.personal.begin, t.personal.object, t.personal.agree, t.personal.bye
	p.stance = map[topic][]string{general: t.says}
	p.press = map[topic][]string{general: t.asks}
	return p
}

// personas lists everybody. The business partner stands last: every system
// prompt may speak of a conversation partner.
func personas() []persona {
	return []persona{
		supplier(), client(), customer(), seniorManagement(), colleague(), stakeholder(), businessPartner(),
	}
}
