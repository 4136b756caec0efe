package partner

// colleague works beside the learner and shares the load.
func colleague() persona {
	return persona{
		id:    "colleagues",
		words: []string{"colleague", "coworker", "co worker", "teammate", "team member", "peer"},
		side:  shares,
		self: []string{
			"I am on the same team as you, just with different customers to look after.",
			"I have been here for about four years, mostly on the planning side.",
		},
		greet: []string{
			"I was hoping we would find a moment to talk.",
			"It is good that we finally get to talk.",
			"You caught me at a good time.",
		},
		begin: []string{
			"What is on your mind?",
			"How are things going on your side?",
			"What shall we look at first?",
		},
		object: []string{
			"Fair enough, I had a feeling you would say that.",
			"I would not give up on it so quickly, though.",
			"I see it a little differently, but I am willing to listen.",
		},
		yield: []string{
			"If you take the first half, I will take the second.",
			"I can cover for you on Friday if you help me on Monday.",
			"Let us try it your way and see after a week.",
		},
		agree: []string{
			"Then we will do it that way.",
			"That takes a weight off my mind.",
			"I will put it on our board right away.",
		},
		settle: []string{
			"Will you tell the others, or shall I?",
			"When shall we look at it again?",
			"Which part would you like to take?",
		},
		stance: map[topic][]string{
			price: {
				"Our budget for this is nearly used up, as far as I know.",
				"Finance asked me about exactly that last week.",
			},
			timing: {
				"I have two other deadlines this week, so I have to plan carefully.",
				"I could start on Wednesday, once the monthly report is out.",
			},
			quality: {
				"I noticed a few errors in the last version, nothing dramatic.",
				"I would rather check it twice than correct it later.",
			},
			volume: {
				"It is more work than it looked at first.",
				"We can manage it together if we split it.",
			},
			payment: {
				"The paperwork is still with the legal department, I believe.",
				"I can ask Accounts where it got stuck.",
			},
			people: {
				"Two of us are on holiday next week, so it will be a little thin.",
				"The new people are settling in well, but they still need help.",
			},
			results: {
				"The figures look better than last month, I think.",
				"Our manager asked me about that this morning.",
			},
			risk: {
				"We had something similar last year and found it too late.",
				"I would rather tell the boss now than explain it afterwards.",
			},
			general: {
				"We have usually found a way between the two of us.",
				"I have been wondering about that as well.",
				"I have some time this afternoon, if that helps.",
			},
		},
		press: map[topic][]string{
			price: {
				"Do you know how much is left in the budget?",
				"Who has to approve the cost?",
			},
			timing: {
				"When do you need my part?",
				"Could we move the deadline by a day or two?",
			},
			quality: {
				"Could you look over it before I send it out?",
				"Which part are you least happy with?",
			},
			volume: {
				"How shall we split the work?",
				"What can we leave for next week?",
			},
			payment: {
				"Shall I chase it, or will you?",
				"Who signed it last time?",
			},
			people: {
				"Who else could help us?",
				"Shall we ask the others at lunch?",
			},
			results: {
				"How would you explain the figures to the boss?",
				"What do you think is behind it?",
			},
			risk: {
				"Should we tell our manager now?",
				"What would you do first?",
			},
			general: {
				"What would you do?",
				"How can I help you with that?",
				"Shall we sit down together tomorrow?",
			},
		},
		bye: []string{
			"See you at the team meeting.",
			"I will drop you a line when my part is done.",
		},
	}
}
