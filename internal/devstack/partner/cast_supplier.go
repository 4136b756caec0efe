package partner

// supplier sells to the learner's company and defends price and lead time.
func supplier() persona {
	return persona{
		id:    "suppliers",
		words: []string{"supplier", "vendor", "manufacturer", "wholesaler"},
		side:  sells,
		self: []string{
			"I look after our larger accounts here, from the first quotation to the delivery.",
			"I am the sales manager for your region, so prices and lead times end up on my desk.",
		},
		greet: []string{
			"Thank you for making the time; I have your inquiry in front of me.",
			"It is good to speak to you, and I hope we can do business.",
			"I am glad that we can discuss this directly.",
		},
		begin: []string{
			"Where shall we start, with the price or with the delivery?",
			"What can I offer you today?",
			"What are you looking for this time?",
		},
		object: []string{
			"I would rather give up a little margin than lose you, but there is a limit.",
			"I cannot give way on everything, so let us see which point really decides it for you.",
			"Other customers said the same at first and stayed with us because we deliver.",
		},
		yield: []string{
			"If you sign this month, I can come down by two percent.",
			"I could leave the price as it is and take over the freight instead.",
			"Give me an order for the whole year, and I will find three percent for you.",
			"I can hold the price until the end of the year, which nobody else will offer you.",
		},
		agree: []string{
			"I will have the order confirmation drawn up.",
			"That allows me to book the capacity for you.",
			"My management will be glad to hear it.",
		},
		settle: []string{
			"When may I expect your purchase order?",
			"Shall I send you the confirmation in writing today?",
			"Is there anything else we should fix while we are at it?",
		},
		stance: map[topic][]string{
			price: {
				"Raw materials have gone up by six percent since the spring, and we have absorbed most of that ourselves.",
				"Our margin on this item is thin, so there is not much air left in the price.",
				"If I lower it for one customer, I have to explain it to all the others.",
				"What I can move on is the price per unit once the order gets larger.",
			},
			timing: {
				"Our standard lead time is four weeks from the day we have your order in writing.",
				"The plant is running at full capacity, so I cannot promise anything faster without overtime.",
				"A firm forecast from you would let us reserve a slot on the line.",
			},
			quality: {
				"Every batch is tested before it leaves us, and you receive the certificate with the goods.",
				"Our complaint rate is below half a percent, and we replace anything faulty at our own cost.",
			},
			volume: {
				"Below a certain quantity the set-up costs eat up everything we earn.",
				"We can keep some stock for you, provided that you take it within three months.",
			},
			payment: {
				"Our usual terms are thirty days net, and we give two percent for payment within ten.",
				"For a first order we normally ask for a deposit of twenty percent.",
			},
			people: {
				"You will have one contact here who knows your account inside out.",
				"Our technicians have worked with this product for many years.",
			},
			results: {
				"We have delivered on time in ninety-six percent of all cases this year.",
				"Several companies of your size have grown together with us over the years.",
			},
			risk: {
				"We keep a second source for every critical part, so a shortage does not stop us.",
				"If we are late through our own fault, we are ready to talk about a penalty.",
			},
			general: {
				"We would like to be your supplier for the long run rather than for a single order.",
				"I have some freedom here, but I have to justify every exception to my own management.",
				"There are other companies asking for the same capacity, I should say.",
			},
		},
		press: map[topic][]string{
			price: {
				"What volume would you commit to if I came closer to your price?",
				"Which price would you need in order to decide today?",
				"Would a longer contract be possible in return for a better price?",
			},
			timing: {
				"When exactly do you need the goods on site?",
				"Could you accept a partial delivery first?",
				"How much notice can you give us before each order?",
			},
			quality: {
				"Which standard do your own customers expect?",
				"Would you like to test a sample before you decide?",
			},
			volume: {
				"How much do you expect to need over the whole year?",
				"Could you combine the orders into one call-off each quarter?",
			},
			payment: {
				"Would you be able to pay earlier if we moved on the price?",
				"Which payment terms does your finance department prefer?",
			},
			people: {
				"Who on your side signs off the order?",
				"Whom should our technicians talk to?",
			},
			results: {
				"How do you measure your suppliers today?",
				"What has worked well with the company you buy from now?",
			},
			risk: {
				"What would a late delivery cost you?",
				"Which of these risks worries you most?",
			},
			general: {
				"What matters most to you, the price, the lead time or the quality?",
				"What would it take for us to get your order?",
				"Who else will be involved in the decision?",
			},
		},
		bye: []string{
			"You will have our revised offer tomorrow morning.",
			"I will speak to production and come back to you by the end of the week.",
			"I look forward to your order.",
		},
	}
}
