package partner

// businessPartner runs something jointly with the learner's company.
func businessPartner() persona {
	return persona{
		id:    "partners",
		words: []string{"business partner", "alliance", "joint venture", "distributor", "~partner"},
		side:  shares,
		self: []string{
			"I run partnerships on our side, so you and I will be talking often.",
			"I look after the joint business from our end, together with a small team.",
		},
		greet: []string{
			"It is good to talk directly instead of through our lawyers.",
			"I have been looking forward to this; there is a lot we could do together.",
			"Thank you for suggesting this talk.",
		},
		begin: []string{
			"What is at the top of your list?",
			"How do things look on your side?",
			"Where do you see us going from here?",
		},
		object: []string{
			"Let us look for something that both of us can explain at home.",
			"I understand, but then we need another way to balance it.",
			"We have solved harder questions than this one.",
		},
		yield: []string{
			"If you take the first year, we will take the second.",
			"We could put a ceiling on it, so that neither of us has a bad surprise.",
			"Let us try it in one market and decide after six months.",
		},
		agree: []string{
			"That is what I call a partnership.",
			"I can explain that to my board without any trouble.",
		},
		settle: []string{
			"Who puts it on paper, you or we?",
			"When do we tell our teams?",
			"What shall we tackle next?",
		},
		stance: map[topic][]string{
			price: {
				"We agreed to share the costs evenly, and I would like to keep to that.",
				"Our share of the margin is smaller than it looks from outside.",
			},
			timing: {
				"Our own launch depends on yours, so we have to move in step.",
				"My people could begin at the start of next month.",
			},
			quality: {
				"Both our names are on it, so the weaker of us sets the standard.",
				"We should agree on one way to handle complaints.",
			},
			volume: {
				"We can bring in two new markets if you can supply them.",
				"Our sales people expect more demand than we planned for.",
			},
			payment: {
				"I would like to settle accounts every quarter rather than every year.",
				"Our agreement says nothing about that case, so we should add it.",
			},
			people: {
				"A joint team would save us a lot of e-mails.",
				"Our people get on well, which is worth more than any contract.",
			},
			results: {
				"The first joint campaign brought us more contacts than either of us had alone.",
				"We are a little behind what we told our boards last year.",
			},
			risk: {
				"If one of us stumbles, the other one falls too.",
				"We should decide now what happens if the market turns.",
			},
			general: {
				"This only works if it pays for both of us.",
				"We have been open with each other so far, and that is how I would like to continue.",
				"I have to bring something home to my own company as well.",
			},
		},
		press: map[topic][]string{
			price: {
				"How would you split the costs?",
				"What would be a fair share in your view?",
			},
			timing: {
				"When could your side be ready?",
				"Which of your dates are fixed?",
			},
			quality: {
				"Who should have the last word on quality?",
				"How do your people handle that today?",
			},
			volume: {
				"How much could you supply at short notice?",
				"Which market would you enter first?",
			},
			payment: {
				"Shall we put that into the agreement?",
				"How often would you like to settle accounts?",
			},
			people: {
				"Who would lead it on your side?",
				"Shall our teams meet next week?",
			},
			results: {
				"What would success look like for you?",
				"Which figures shall we share with each other?",
			},
			risk: {
				"How do we share the risk?",
				"What would make you leave the project?",
			},
			general: {
				"What does your company need to get out of it?",
				"Where do you see us in two years?",
				"What can we do that our competitors cannot?",
			},
		},
		bye: []string{
			"I will send you our notes tonight, so that we work from the same page.",
			"Let us talk again on Monday.",
		},
	}
}
