package partner

// stakeholder speaks for people whom the learner's project affects.
func stakeholder() persona {
	return persona{
		id:    "stakeholders",
		words: []string{"stakeholder", "shareholder", "investor", "regulator", "community representative"},
		side:  shares,
		self: []string{
			"I speak for several groups that your project affects.",
			"I sit on the advisory board and report back to those who sent me.",
		},
		greet: []string{
			"Thank you for keeping us involved.",
			"I appreciate that you are talking to us at this stage.",
			"We have followed your work with interest.",
		},
		begin: []string{
			"What would you like our view on?",
			"How far have you got?",
			"What has changed since your last letter?",
		},
		object: []string{
			"Then I will find it hard to bring the others along.",
			"I would ask you to think about that once more.",
			"We may not agree, but I want to understand your reasons.",
		},
		yield: []string{
			"If you publish the figures, you will have our support.",
			"Agree to a review after six months, and I will recommend it.",
			"Take one of our points on board, and the rest will be easier.",
		},
		agree: []string{
			"I can support that, and I will say so to the others.",
			"That goes a long way to meet our concerns.",
		},
		settle: []string{
			"Can we have that in writing?",
			"How will you tell the others?",
			"When shall we look at it together again?",
		},
		stance: map[topic][]string{
			price: {
				"The people I speak for want to see that the money is spent wisely.",
				"We supported the budget last year on the understanding that it would not grow.",
			},
			timing: {
				"We were promised a decision before the summer.",
				"Being late is not a disaster, as long as we hear of it early.",
			},
			quality: {
				"The standards are not negotiable for us.",
				"There were complaints from the neighbourhood the last time, and they were justified.",
			},
			volume: {
				"The scale of it took some of us by surprise.",
				"A smaller first phase would be easier to support.",
			},
			payment: {
				"We read the draft closely, and two clauses gave us pause.",
				"I would like to understand who pays if the costs rise.",
			},
			people: {
				"Many people here feel that they were informed rather than asked.",
				"Jobs are the first thing I am asked about.",
			},
			results: {
				"We judge a project by what it leaves behind after five years.",
				"Your last report was clear, though it left out the less pleasant figures.",
			},
			risk: {
				"Our greatest concern is that the risks end up with us.",
				"The regulator is watching this closely, and so are we.",
			},
			general: {
				"I represent several groups, and they do not all want the same thing.",
				"We support the aim; our doubts are about the way there.",
				"Trust takes a while to build, so I appreciate open words.",
			},
		},
		press: map[topic][]string{
			price: {
				"How do you justify that to those who pay for it?",
				"What do we get in return?",
			},
			timing: {
				"When will there be a decision?",
				"How will you keep us informed until then?",
			},
			quality: {
				"Who makes sure that the standards are kept?",
				"Would you agree to an independent review?",
			},
			volume: {
				"Could you start with a smaller phase?",
				"Who will be affected, and how many are they?",
			},
			payment: {
				"Who carries the extra cost?",
				"Would you be willing to change that clause?",
			},
			people: {
				"How will you involve the people concerned?",
				"What does it mean for the jobs here?",
			},
			results: {
				"How will we know that it has worked?",
				"Will you publish the results?",
			},
			risk: {
				"What are you doing to keep that risk small?",
				"Who is responsible if it goes wrong?",
			},
			general: {
				"What is in it for the people I represent?",
				"How can we support you without giving up our own interests?",
			},
		},
		bye: []string{
			"I will report back to the people I speak for.",
			"Please send us the documents, and we will comment on them within a week.",
		},
	}
}
