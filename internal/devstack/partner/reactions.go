package partner

// side is the interest a partner has in prices and dates.
type side string

const (
	sells  side = "sells"  // a low price and a short time hurt
	buys   side = "buys"   // a high price and a long time hurt
	shares side = "shares" // sits on the learner's own side of the table
)

// reactions are first sentences, by what the learner did. Whatever stands for
// {noun} may be singular or plural and comes after "the".
func reactions() map[intent][]string {
	return map[intent][]string{
		question: {
			"That is a fair question about the {noun}.",
			"Let me be open with you about the {noun}.",
			"On the {noun}, I can tell you this much.",
			"It is good that you ask about the {noun}.",
			"As far as the {noun} goes, here is how I see it.",
			"You are right to bring up the {noun}.",
			"That is a fair question.",
			"Let me answer that as openly as I can.",
			"I can tell you this much.",
			"I was expecting that question.",
			"Good question, and I will try to be brief.",
		},
		statement: {
			"I see what you mean about the {noun}.",
			"Thank you for telling me about the {noun}.",
			"Let me stay with the {noun} for a moment.",
			"What you say about the {noun} is helpful.",
			"You mention the {noun}, and I am glad you do.",
			"I have made a note about the {noun}.",
			"I see.",
			"Thank you, that is clear so far.",
			"All right, I follow you.",
			"That is good to know.",
			"That is interesting to hear.",
		},
		objection: {
			"I hear your concern about the {noun}.",
			"I can see why the {noun} would worry you.",
			"I did not expect the {noun} to come between us.",
			"Let us not get stuck on the {noun}.",
			"I do see that the {noun} cannot be left aside.",
			"I hear you, and I do not take it lightly.",
			"That is a clear answer, and I respect it.",
			"I understand, although I see it differently.",
			"I am sorry to hear that.",
		},
		agreement: {
			"Then {figure} it is.",
			"Good, I have written down {figure}.",
			"Excellent, let us go ahead with {figure}.",
			"Good, then we see the {noun} in the same way.",
			"I am glad that we agree on the {noun}.",
			"Excellent, then the {noun} will not hold us up.",
			"Good, that is settled then.",
			"I am pleased to hear it.",
			"Excellent, then we understand each other.",
			"Wonderful, thank you.",
		},
		thanks: {
			"You are very welcome.",
			"It was my pleasure.",
			"Not at all, I am glad if it helps.",
			"Thank you as well; I find this a useful conversation.",
		},
		goodbye: {
			"Thank you, {name}, and thank you for being so clear about the {noun}.",
			"Goodbye, {name}; I enjoyed our conversation.",
			"Thank you for your time, and for being so clear about the {noun}.",
			"I enjoyed this, and I will think over what you said about the {noun}.",
			"Thank you for your time today.",
			"It was good to talk to you.",
			"Goodbye, and thank you for the open words.",
		},
		bypass: {
			"I am afraid I do not quite follow you there; I would rather talk about {matter}.",
			"I am not sure what you are referring to, so let us go back to {matter}.",
			"Let us leave that aside and stay with {matter}.",
			"That is not something I can help you with, so back to {matter}.",
			"I would rather not go into that; my mind is on {matter}.",
		},
		service: {
			"Thank you for asking.",
			"I hope you can, yes.",
			"That is kind of you.",
			"I am glad you ask me that.",
		},
		foreign: {
			"I am sorry, I could not follow that, as English is the language we have in common.",
			"Could you put that into English for me, please?",
			"I did not understand that, I am afraid; a simple sentence in English will do.",
			"I only caught half of that, so please try it in English.",
		},
		repeat: {
			"Of course, let me put it more simply.",
			"No problem, I will say it again more slowly.",
			"I am sorry, I was going too fast.",
			"Certainly, what I wanted to know was this.",
		},
		short: {
			"I would like to understand you correctly, so please tell me a little more.",
			"Could you say a bit more about that?",
			"I am listening, please go on.",
			"Take your time.",
		},
	}
}

// figureLines are first sentences that quote the learner's figure: when the talk
// is young and when it is late, by what the figure counts; and what the partner
// says of a figure that was its own.
type figureLines struct {
	early map[kind][]string
	late  map[kind][]string
	ours  []string
}

func figureReactions() map[side]figureLines {
	return map[side]figureLines{sells: sellerFigures(), buys: buyerFigures(), shares: insiderFigures()}
}

func sellerFigures() figureLines {
	return figureLines{
		early: map[kind][]string{
			money: {
				"{figure} is lower than what I had in mind, to be honest.",
				"You say {figure}, and at that level we would hardly cover our costs.",
				"I have written down {figure}, but it is a long way from our list price.",
			},
			percent: {
				"{figure} is more than I am allowed to give on my own.",
				"You mention {figure}, and I would have to see what that does to our margin.",
				"A step of {figure} is a big one for a company of our size.",
			},
			date: {
				"{figure} is tight, since our production plan is already full.",
				"You mention {figure}, and that would mean moving other orders.",
				"I will have to check with the plant whether {figure} is realistic.",
			},
			duration: {
				"You say {figure}, and I have to check whether that is possible for us.",
				"{figure} is not what we normally agree to.",
				"I have noted {figure}, though I cannot promise it yet.",
			},
			quantity: {
				"With {figure} we can begin to talk about better terms.",
				"I am glad to hear {figure}, though it is not yet a large order for our plant.",
				"You mention {figure}, and that helps me to calculate.",
			},
			clock:  figureTimes(),
			number: figureNumbers(),
		},
		late: map[kind][]string{
			money: {
				"{figure} is still not easy for us, but we are getting closer.",
				"If I take {figure} to my management, I need something to show for it.",
				"I could live with {figure} if the other terms are right.",
			},
			percent: {
				"We might get to {figure} in two steps rather than in one.",
				"I will see whether {figure} is possible, but it has its price.",
			},
			date: {
				"I think we can make {figure} work if nothing else changes.",
				"For {figure} I would need your order in writing very soon.",
			},
			duration: {
				"We could probably agree on {figure} if everything else fits.",
				"Let me note {figure} and see what my management says.",
			},
			quantity: {
				"For {figure} I can certainly do something.",
				"If you can confirm {figure}, I will calculate again.",
			},
		},
		ours: []string{
			"Yes, {figure} is our current figure, and I can explain how we get there.",
			"{figure} is what it takes us to do this properly.",
			"I know that {figure} is not a small step for you.",
		},
	}
}

func buyerFigures() figureLines {
	return figureLines{
		early: map[kind][]string{
			money: {
				"{figure} is more than I was expecting, I must say.",
				"You say {figure}, and that is quite a lot.",
				"I need a moment to take in {figure}.",
			},
			percent: {
				"You mention {figure}, and I would like to see that in black and white.",
				"{figure} makes quite a difference over a whole year.",
			},
			date: {
				"{figure} is later than I was hoping for.",
				"You say {figure}, and I will hold you to it.",
			},
			duration: {
				"You say {figure}, and I would like to understand how you arrive at that.",
				"{figure} is something I have to think over first.",
			},
			quantity: {
				"{figure} is about what I had in mind.",
				"You mention {figure}, and I will have to check that against our needs.",
			},
			clock:  figureTimes(),
			number: figureNumbers(),
		},
		late: map[kind][]string{
			money: {
				"{figure} is easier to accept than what we started with.",
				"I could say yes to {figure} if it really covers everything.",
			},
			percent: {
				"With {figure} we can at least work something out.",
				"I will remember {figure} when I explain this to the others.",
			},
			date: {
				"{figure} would be acceptable if it is firm this time.",
				"I can plan with {figure}.",
			},
			duration: {
				"I could agree to {figure}, all in all.",
				"{figure} would work for me if you put it in writing.",
			},
			quantity: {
				"Let us take {figure} as a basis.",
				"{figure} sounds realistic to me.",
			},
		},
		ours: []string{
			"I did say {figure}, and I would like to keep to it.",
			"Yes, {figure} is the limit I have set myself.",
		},
	}
}

func insiderFigures() figureLines {
	return figureLines{
		early: map[kind][]string{
			money: {
				"{figure} is not a small amount for us.",
				"You say {figure}, and that will be looked at closely.",
			},
			percent: {
				"{figure} is worth talking about.",
				"You mention {figure}, and I would like to see where it comes from.",
			},
			date: {
				"{figure} is closer than it sounds.",
				"You say {figure}, and I will make a note of it.",
			},
			duration: {
				"{figure} is quite some time.",
				"You mention {figure}, and I will remember that.",
			},
			quantity: {
				"{figure} is more than I thought.",
				"I had not realised that we are talking about {figure}.",
			},
			clock:  figureTimes(),
			number: figureNumbers(),
		},
		late: map[kind][]string{
			money: {
				"{figure} is a figure we can defend, I think.",
				"I could support {figure} if the reasons are clear.",
			},
			percent: {
				"Let us work with {figure} for now.",
				"{figure} is what people will remember from this conversation.",
			},
			date: {
				"Let us plan for {figure}.",
				"{figure} it should be, if nothing unexpected comes up.",
			},
			duration: {
				"Let us take {figure} as our basis.",
				"I can live with {figure}.",
			},
			quantity: {
				"Let us take {figure} as the working figure.",
				"{figure} sounds realistic to me.",
			},
		},
		ours: []string{
			"Yes, {figure} is what I said, and I stand by it.",
			"I did mention {figure}, and I can explain it.",
		},
	}
}

func figureTimes() []string {
	return []string{
		"{figure} should be fine for me.",
		"I will put {figure} in my calendar.",
	}
}

func figureNumbers() []string {
	return []string{
		"I have noted {figure}.",
		"You say {figure}, and I will keep that in mind.",
		"I will write down {figure}, so that we both mean the same.",
	}
}
