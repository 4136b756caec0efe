package partner

// client is a company that buys from the learner's, with a budget and a board.
func client() persona {
	return persona{
		id:    "clients",
		words: []string{"client"},
		side:  buys,
		self: []string{
			"I am responsible for this project on our side, and I report to the board.",
			"I run operations here, so I am the one who has to live with the result.",
		},
		greet: []string{
			"Thank you for coming to us with this; I have been looking forward to your ideas.",
			"It is good to talk to you; I have about half an hour.",
			"I have read your proposal, and I have a few remarks.",
		},
		begin: []string{
			"What have you brought us today?",
			"Where would you like to begin?",
			"What is new since we last spoke?",
		},
		object: []string{
			"I need you to meet me somewhere in the middle.",
			"That makes it difficult for me to recommend you internally.",
			"I did not expect to hear that from you, to be honest.",
		},
		yield: []string{
			"If you include the training at no extra cost, I can sign this month.",
			"Give me a fixed price, and I will stop talking to the others.",
			"Put that into a short summary for my board, and we are nearly there.",
			"I could accept a smaller scope if the first phase starts at once.",
		},
		agree: []string{
			"I can take that to my board with a good feeling.",
			"That is what I needed to hear.",
			"It makes my decision a good deal easier.",
		},
		settle: []string{
			"What are the next steps on your side?",
			"When could you send me the contract?",
			"Who will be in touch with my team?",
		},
		stance: map[topic][]string{
			price: {
				"Your proposal is above what we set aside for this, and I have to defend it in front of our board.",
				"We received two other offers, and both are lower.",
				"I am not looking for the cheapest solution, but I need to see what we get for the money.",
			},
			timing: {
				"We planned to go live before the end of the quarter, so every week counts.",
				"The last project started late, and I do not want to explain that to my board again.",
			},
			quality: {
				"Our expectations are high, because our own customers notice every mistake.",
				"I need one standard across all our sites, without exceptions.",
			},
			volume: {
				"We would start with one site and roll it out to the others if it goes well.",
				"How much we need depends on the first three months.",
			},
			payment: {
				"Our finance department insists on sixty days, and I have little say in that.",
				"I would prefer to pay by milestone, so that both sides carry some of the risk.",
			},
			people: {
				"It matters to us who will actually do the work, and not only who sells it.",
				"We had three different contacts last year, and each time we started from the beginning.",
			},
			results: {
				"My management will ask me what has changed after six months, in figures.",
				"I would like to see what you have achieved for a company like ours.",
			},
			risk: {
				"Our compliance team looks at everything of this size, so there can be no grey areas.",
				"If something goes wrong, I need to know who picks up the phone.",
			},
			general: {
				"We have worked well together so far, and I would like to keep it that way.",
				"To be frank, I need a good reason to choose you over the others.",
				"My colleagues are still divided on this, so you will have to help me convince them.",
			},
		},
		press: map[topic][]string{
			price: {
				"What exactly is included in that?",
				"Where do you see room to bring the cost down?",
				"What would you leave out if we had to save ten percent?",
			},
			timing: {
				"When could you realistically start?",
				"What happens if you miss that date?",
			},
			quality: {
				"How do you make sure that the quality stays the same once the project has started?",
				"What do you do when something is not right the first time?",
			},
			volume: {
				"How would you handle it if we doubled the volume next year?",
				"Could you begin with a smaller pilot?",
			},
			payment: {
				"Could you accept payment by milestone?",
				"How flexible are you on the payment terms?",
			},
			people: {
				"Who would be our contact from day to day?",
				"How much experience does your team have with companies like ours?",
			},
			results: {
				"What results can we expect in the first six months?",
				"How would you show me that it works?",
			},
			risk: {
				"What is your plan if things do not go as expected?",
				"Who is liable if something goes wrong?",
			},
			general: {
				"What makes you confident that this is right for us?",
				"What would you recommend if you were in my place?",
				"What sets you apart from the other companies we are talking to?",
			},
		},
		bye: []string{
			"I will discuss it with my colleagues and come back to you on Thursday.",
			"Please send me a short summary, and we will take it from there.",
		},
	}
}
