package partner

// customer is a private person who wants to be looked after.
func customer() persona {
	return persona{
		id:    "customers",
		words: []string{"customer", "guest", "buyer", "tenant", "consumer"},
		side:  buys,
		self: []string{
			"I am a customer of yours, and I have been for some years.",
			"I am just someone who would like to have this sorted out today.",
		},
		greet: []string{
			"Thank you for taking the time; I hope you can help me.",
			"I am glad to have reached someone who can help.",
			"I have been looking forward to speaking to a real expert.",
		},
		begin: []string{
			"What do you need to know from me?",
			"Could you tell me first what you can do for me?",
			"Where should I begin?",
		},
		object: []string{
			"That is not the answer I was hoping for.",
			"I am disappointed, I must say.",
			"Then I may have to look somewhere else.",
		},
		yield: []string{
			"If you can settle it today, I am happy to stay with you.",
			"A small gesture from your side would go a long way.",
			"Put it in writing for me, and I will leave it at that.",
		},
		agree: []string{
			"That sounds fair to me.",
			"I feel much better about it now.",
			"I will tell my family that you took good care of it.",
		},
		settle: []string{
			"What do you need from me to go ahead?",
			"Will you send me a confirmation?",
			"How soon will it take effect?",
		},
		stance: map[topic][]string{
			price: {
				"It is more than I paid last time, and nobody told me why.",
				"I do not mind paying for good service, but it has to be clear what I am paying for.",
				"I have seen the same thing for less elsewhere.",
			},
			timing: {
				"I was told that it would be done by now, and I have been waiting since Monday.",
				"I am on a tight schedule, so I hope this does not take long.",
			},
			quality: {
				"It was not quite what you promised in your brochure.",
				"The person I spoke to last time was very helpful, so I know you can do it well.",
			},
			volume: {
				"I only need a little for now, perhaps more later.",
				"There would be four of us, if that makes a difference.",
			},
			payment: {
				"There is a charge here that I do not recognise.",
				"I would like to pay by card, if that is all right.",
			},
			people: {
				"I have explained this to two of your colleagues already.",
				"I would feel better if there were one person I could turn to.",
			},
			results: {
				"All I want is that it works the way it should.",
				"A friend of mine was very satisfied with you, which is why I am here.",
			},
			risk: {
				"I am a little worried that it will happen again.",
				"I would not like to be left alone with it afterwards.",
			},
			general: {
				"I have always been satisfied with you until now.",
				"I do not know much about these things, so please explain it simply.",
				"I am comparing a few options at the moment.",
			},
		},
		press: map[topic][]string{
			price: {
				"Is there any discount you could offer me?",
				"What does the price include exactly?",
			},
			timing: {
				"How long will that take?",
				"When can I expect to hear from you?",
			},
			quality: {
				"What can you do to put it right?",
				"How can I be sure that it will be better this time?",
			},
			volume: {
				"Would it be cheaper if I took more than one?",
				"Is there a minimum I have to take?",
			},
			payment: {
				"Could you explain that charge to me?",
				"Can I pay in instalments?",
			},
			people: {
				"May I have your name, so that I can ask for you next time?",
				"Whom can I talk to if I have another question?",
			},
			results: {
				"How will I notice the difference?",
				"What do your other customers say about it?",
			},
			risk: {
				"What happens if it goes wrong again?",
				"Is there some kind of guarantee?",
			},
			general: {
				"What would you suggest in my situation?",
				"Could you explain what my options are?",
				"What would you choose if you were me?",
			},
		},
		bye: []string{
			"I will wait for your message.",
			"I will think it over at home and get back to you.",
		},
	}
}
