package partner

// situation is where the partner and the learner meet.
type situation struct {
	id     string
	words  []string // unmistakable in a system prompt, wherever they stand
	weak   []string // only where a situation is announced
	matter string   // what it is about, as the partner would call it
	says   []string // remarks of the partner that need no topic
	asks   []string // questions that move this kind of talk on
	// personal is set where the talk is about people and not about the business
	// between two sides; the partner then speaks these lines instead of its own.
	personal *personalLines
}

// personalLines replace a persona's own where prices and terms have no place.
type personalLines struct {
	begin, object, agree, bye []string
}

func situations() []situation {
	return []situation{
		{
			id: "interviews", words: []string{"interview"}, weak: []string{"job application"},
			matter: "the position",
			says: []string{
				"We are looking for someone who stays calm when things get busy.",
				"The team is small, but everyone in it knows what they are doing.",
				"What counts for me is how somebody thinks, more than a perfect answer.",
				"I have read your papers, so you need not repeat what is in them.",
				"Nobody here expects you to know everything on the first day.",
				"I ask everyone the same questions, to be fair.",
			},
			asks: []string{
				"Could you give me an example of a time when you handled something like that?",
				"What would you do differently if you faced it again?",
				"Which of your strengths would help you most here?",
				"Why does this interest you now?",
			},
			personal: &personalLines{
				begin: []string{
					"Could you start by telling me a little about yourself?",
					"What brings you to us?",
				},
				object: []string{
					"That is an honest answer, and I prefer it to a smooth one.",
					"I would still like to hear how you would deal with it.",
				},
				agree: []string{
					"That fits what we are looking for.",
					"I am glad that we see the work in the same way.",
				},
				bye: []string{
					"We will let you know by the end of next week.",
					"You will hear from us in any case.",
				},
			},
		},
		{
			id: "conflict_resolution", words: []string{"conflict", "dispute", "disagreement"}, weak: []string{"complaint", "argument"},
			matter: "our disagreement",
			says: []string{
				"I would like us to sort this out without raising our voices.",
				"I may have misread what happened, so I am ready to listen.",
				"It has been bothering me since last week, to be honest.",
			},
			asks: []string{
				"What would a fair solution look like from your side?",
				"What do you think led to this in the first place?",
				"What can each of us do differently from tomorrow?",
				"Is there something I have not understood yet?",
			},
		},
		{
			id: "phone_calls", words: []string{"phone call", "telephone", "on the phone", "phone conversation"}, weak: []string{"phone", "call"},
			matter: "the reason for this call",
			says: []string{
				"The line is a little weak, but I can hear you.",
				"I have about ten minutes before my next call.",
				"I am making notes while you speak.",
			},
			asks: []string{
				"Could you confirm that by e-mail after our call?",
				"Is there anything else you need from me while we are on the line?",
				"When would be a good time to call you back about this?",
				"Could you spell out the most important detail for me?",
			},
		},
		{
			id: "one_on_ones", words: []string{"one on one", "one to one", "1:1"}, weak: []string{"personal talk"},
			matter: "how things are going for you",
			says: []string{
				"This is your time, so you choose what we talk about.",
				"I prefer an honest answer to a polite one.",
				"What we say here stays between the two of us.",
				"I have noticed that you have a lot on your plate.",
				"I had a similar time a few years ago.",
				"There is no need to have an answer to everything today.",
			},
			asks: []string{
				"What is taking most of your energy at the moment?",
				"Where could you use more support?",
				"What would you like to have achieved by our next talk?",
				"What should we do more of, and what less?",
			},
			personal: &personalLines{
				begin: []string{
					"How are you, really?",
					"What would you like to talk about first?",
				},
				object: []string{
					"I would not want you to agree just to please me.",
					"Then let us find something that suits you better.",
				},
				agree: []string{
					"I will do my part as well.",
					"I think that will make things easier for both of us.",
				},
				bye: []string{
					"Let us talk again in two weeks.",
					"My door is open if anything comes up before that.",
				},
			},
		},
		{
			id: "feedback_sessions", words: []string{"feedback session", "feedback meeting", "feedback conversation", "performance review", "appraisal"}, weak: []string{"feedback"},
			matter: "the feedback",
			says: []string{
				"I would rather hear it from you now than from somebody else later.",
				"I noticed some of it myself, though not all.",
				"A concrete example helps me more than a general remark.",
				"I try to look at what was done and not at the person.",
				"Some of this may be hard to hear, but it is meant well.",
				"We both see only a part of the picture.",
			},
			asks: []string{
				"Could you give me a concrete example?",
				"What would you like to see next time?",
				"How did that affect the people around you?",
				"What went well, in your opinion?",
			},
			personal: &personalLines{
				begin: []string{
					"How do you see the last few months yourself?",
					"Where would you like to start, with what went well or with what did not?",
				},
				object: []string{
					"I can accept that we see it differently.",
					"Perhaps I did not explain it well.",
				},
				agree: []string{
					"I appreciate that you take it in that way.",
					"That is a good basis for the next months.",
				},
				bye: []string{
					"Let us look at it again in three months.",
					"Thank you for taking it so openly.",
				},
			},
		},
		{
			id: "team_discussions", words: []string{"team discussion", "team meeting", "group discussion"}, weak: []string{"discussion", "team"},
			matter: "the points on our list",
			says: []string{
				"I would like everyone to have a say before we decide.",
				"We discussed something similar in spring and never finished it.",
				"Two of the others told me they see it the same way.",
			},
			asks: []string{
				"Who should take this forward?",
				"What do the others in the team think about it?",
				"What speaks against it?",
				"Which option would you choose?",
			},
		},
		{
			id: "negotiations", words: []string{"negotiat", "bargain"}, weak: []string{"deal", "contract talks"},
			matter: "the terms",
			says: []string{
				"I am sure there is a solution that both of us can sign.",
				"I have some room to move, but I need something in return.",
				"Let us take one point after the other.",
			},
			asks: []string{
				"What could you offer in return?",
				"How much room do you have on your side?",
				"What would it take to sign this week?",
				"Which point matters most to you?",
			},
		},
		{
			id: "status_updates", words: []string{"status update", "status report", "progress update", "progress report"}, weak: []string{"status", "update"},
			matter: "where things stand",
			says: []string{
				"I would like to know where we stand, good or bad.",
				"I have the plan from last time in front of me.",
				"Bad news early is worth more to me than good news late.",
			},
			asks: []string{
				"What is still open?",
				"Are we on track for the date we agreed?",
				"What could still get in the way?",
				"What has changed since the last update?",
			},
		},
		{
			id: "informal_chats", words: []string{"informal", "small talk", "coffee break", "chit chat"}, weak: []string{"chat", "casual", "lunch"},
			matter: "how your week has been",
			says: []string{
				"It has been one of those weeks here, but I cannot complain.",
				"I finally had time for a long walk on Sunday, and that helped.",
				"The coffee here has not improved, I am sorry to say.",
				"I am looking forward to the weekend, I must admit.",
				"My children keep me busy enough after work.",
				"I tried the new place round the corner yesterday, and it was not bad.",
				"We had visitors from abroad, so I showed them the old town.",
			},
			asks: []string{
				"How has your week been otherwise?",
				"How did you get into this line of work?",
				"Do you have anything nice planned for the weekend?",
				"What do you like to do when you are not at work?",
			},
			personal: &personalLines{
				begin: []string{
					"How are things with you?",
					"How was your weekend?",
				},
				object: []string{
					"Fair enough, everyone sees that differently.",
					"You may be right, I had not thought of that.",
				},
				agree: []string{
					"I thought you would say that.",
					"It is nice to hear that from you.",
				},
				bye: []string{
					"Let us have lunch together soon.",
					"See you around.",
				},
			},
		},
		{
			id: "briefings", words: []string{"briefing"}, weak: []string{"brief", "instructions"},
			matter: "what I need to know",
			says: []string{
				"Assume that I know nothing about it yet.",
				"I have to pass this on within the hour, so please keep it simple.",
				"I read the summary, but not the appendix.",
			},
			asks: []string{
				"What is the one thing I should remember?",
				"What do you need me to decide?",
				"Who else has to know about this?",
				"What is the background to it?",
			},
		},
		{
			id: "meetings", weak: []string{"meeting"},
			matter: "today's agenda",
			says: []string{
				"There are three points on the agenda, and this is the important one.",
				"I would like to leave this room with a decision.",
				"We have half an hour, so let us use it well.",
			},
			asks: []string{
				"What decision do we need today?",
				"Who will follow up on this?",
				"Shall we move on, or is there more to say?",
				"What would you put in the minutes?",
			},
		},
		{
			id: "presentations", words: []string{"presentation", "pitch"}, weak: []string{"presenting", "present"},
			matter: "your presentation",
			says: []string{
				"I like the way you built that up.",
				"The slide is rather full, so a word of explanation would help.",
				"Some of us are hearing this for the first time.",
			},
			asks: []string{
				"What does that mean for us in practice?",
				"Could you take me through the figures behind that?",
				"What is the main message you want us to take away?",
				"How did you arrive at that conclusion?",
			},
		},
		{
			id: "training_sessions", words: []string{"training session", "workshop", "onboarding session"}, weak: []string{"training", "course"},
			matter: "the training",
			says: []string{
				"I am new to this, so please go one step at a time.",
				"I tried it yesterday and got stuck in the middle.",
				"It makes more sense to me now than it did this morning.",
				"I learn best by trying it myself.",
				"I have written down the steps so far.",
				"At my last company we did it in quite another way.",
			},
			asks: []string{
				"Could you show me how that works, step by step?",
				"What do people usually get wrong here?",
				"How will I know that I am doing it correctly?",
				"Where can I look it up afterwards?",
			},
			personal: &personalLines{
				begin: []string{
					"What will we learn today?",
					"What should I have ready before we start?",
				},
				object: []string{
					"Then I must have misunderstood something.",
					"That surprises me, because it worked for my colleague.",
				},
				agree: []string{
					"That makes sense to me.",
					"I will try it like that tomorrow.",
				},
				bye: []string{
					"I will practise and send you my questions.",
					"That was useful, and I will tell the others.",
				},
			},
		},
		{
			id: "client_conversations", words: []string{"client conversation", "conversation with a client", "customer conversation", "client meeting"}, weak: []string{"conversation with"},
			matter: "what we need from each other",
			says: []string{
				"I like to know whom I am working with before we talk about details.",
				"We have tried two other ways before, and neither was quite right.",
				"I have heard good things about your company.",
			},
			asks: []string{
				"How would that work from day to day?",
				"What would you need from us to get started?",
				"How do you handle this with the other companies you work with?",
				"What have I not asked you yet that I should?",
			},
		},
		{
			id: "video_conferences", words: []string{"video conferenc", "video call", "videoconferenc", "video meeting", "virtual meeting", "online meeting"}, weak: []string{"video", "online"},
			matter: "today's call",
			says: []string{
				"Your picture froze for a second, but the sound is fine.",
				"Two of my colleagues are listening in, I hope that is all right.",
				"I can see your screen now, thank you.",
			},
			asks: []string{
				"Could you share your screen and show me?",
				"Is everyone on your side of the call happy with that?",
				"Shall we put that into the chat so that nobody forgets it?",
				"Can we take that up again in the next call?",
			},
		},
	}
}
