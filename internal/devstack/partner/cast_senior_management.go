package partner

// seniorManagement decides over the learner's work and asks for the bottom line.
func seniorManagement() persona {
	return persona{
		id:    "senior_management",
		words: []string{"senior manage", "senior lead", "senior executive", "top management", "upper management", "executive", "board member", "director", "ceo", "cfo", "vice president", "your boss", "the boss", "line manager"},
		side:  shares,
		self: []string{
			"I am responsible for the division, and the board holds me to its figures.",
			"I sit on the management committee, so the decision is mine to defend.",
		},
		greet: []string{
			"Please come straight to the point, I have read the summary.",
			"Thank you for being on time.",
			"I have heard about your work, and now I would like to hear it from you.",
		},
		begin: []string{
			"What is the headline?",
			"What do I need to know?",
			"What are we deciding today?",
		},
		object: []string{
			"I expected a solution rather than a reason why it cannot be done.",
			"Convince me, then; I am open to a better argument.",
			"I do not mind hearing a no, as long as an alternative comes with it.",
		},
		yield: []string{
			"Bring me one page with the figures, and I will sign it.",
			"I will back you, but I want to see progress within a month.",
			"You can have half now, and the rest when the first target is met.",
		},
		agree: []string{
			"You have my support on that.",
			"Then I consider it decided.",
			"That is a position I can take to the board.",
		},
		settle: []string{
			"Who will report back to me, and when?",
			"What is the first milestone?",
			"What could still stop it?",
		},
		stance: map[topic][]string{
			price: {
				"Every euro we spend has to earn its place this year.",
				"The board has cut all optional spending by ten percent.",
				"I can find the money if the return is clear.",
			},
			timing: {
				"We have told the market the third quarter, and I intend to keep that promise.",
				"I would rather have a date I can rely on than a date I like.",
			},
			quality: {
				"Our name is on it, so I will not accept half measures.",
				"One serious complaint costs us more than a month of careful work.",
			},
			volume: {
				"Growth is welcome as long as the margin grows with it.",
				"I would rather do fewer things and do them properly.",
			},
			payment: {
				"Cash flow is the first thing I look at on a Monday morning.",
				"I will not sign anything with open ends.",
			},
			people: {
				"I cannot give you more people before the autumn.",
				"Good people leave teams that have no clear priorities.",
			},
			results: {
				"I am interested in the bottom line, not in the activity behind it.",
				"Last quarter we were four percent short of our target, and I want to understand why.",
				"A result that cannot be measured does not convince the board.",
			},
			risk: {
				"I can live with a risk that has a name, but not with a surprise.",
				"If this goes wrong, it will be on my desk the same day.",
			},
			general: {
				"I will be asked about this upstairs, so I need the essence in two sentences.",
				"There are three other proposals competing for the same attention.",
				"You know the details better than I do, so I rely on your judgement.",
			},
		},
		press: map[topic][]string{
			price: {
				"What is the return, and when do we see it?",
				"What happens if I give you half of that?",
			},
			timing: {
				"What is the earliest date you would put your name to?",
				"What has to be decided today, and what can wait?",
			},
			quality: {
				"How do we know that it is good enough?",
				"Who checks it before it reaches the customer?",
			},
			volume: {
				"How does that scale next year?",
				"Which of these would you drop first?",
			},
			payment: {
				"What does that do to our cash position?",
				"Has the legal department seen it?",
			},
			people: {
				"Who owns this in your team?",
				"What would you stop doing to free up the people?",
			},
			results: {
				"So what is the bottom line?",
				"Which figure should I look at in three months?",
				"How does that compare with the plan?",
			},
			risk: {
				"What is the worst that can happen?",
				"What is your plan B?",
			},
			general: {
				"What do you need from me?",
				"What is your recommendation?",
				"If you had to put it in one sentence, what would it be?",
			},
		},
		bye: []string{
			"Keep it short in writing, and copy me in.",
			"I have to go into the next meeting, so let us leave it there.",
		},
	}
}
