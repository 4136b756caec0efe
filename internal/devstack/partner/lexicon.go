package partner

import "strings"

// topic is what a message is about.
type topic string

const (
	general topic = "" // nothing in particular
	price   topic = "price"
	timing  topic = "timing"
	quality topic = "quality"
	volume  topic = "volume"
	payment topic = "payment"
	people  topic = "people"
	results topic = "results"
	risk    topic = "risk"
)

// topicNoun is a word that tells a topic.
type topicNoun struct {
	word  string
	topic topic
	noun  bool // "the <word>" can be said
}

// topicNouns are the nouns that a partner takes up. Within a topic the first
// that occurs is the one referred to, so the more telling come first.
func topicNouns() []topicNoun {
	return nounsOf([]wordList{
		{price, "discount price prices pricing quotation quote budget proposal offer fees fee rates rate rent premium margin tariff costs cost investment"},
		{timing, "lead time,delivery date,delivery,deadline,schedule,timeline,shipment,shipments,delay,delays,launch,go-live,transport,dispatch,arrival,check-in,check-out,appointment"},
		{quality, "sample,samples,specification,specifications,warranty,complaint,complaints,defects,quality,standards,service,refund,room,rooms,product,products,software,solution"},
		{volume, "minimum order,order,orders,volume,quantity,capacity,stock,containers,pieces,units,workload"},
		{payment, "payment terms,payment,payments,invoice,invoices,deposit,contract,agreement,clause,credit,loan,account,mortgage,lease,freight terms"},
		{people, "team,colleagues,staff,training,experience,skills,recruitment,position,career,customers,clients,tenants,guests,handover"},
		{results, "report,figures,sales,revenue,growth,targets,target,performance,forecast,strategy,plan,project,progress,presentation,campaign,market,occupancy,return"},
		{risk, "risks,risk,compliance,audit,regulation,safety,insurance,penalty,conflict,mistake,mistakes,liability,security,misunderstanding,problem"},
	}, true)
}

// topicCues tell a topic but cannot be referred to by "the".
func topicCues() []topicNoun {
	return nounsOf([]wordList{
		{price, "expensive,cheap,cheaper,how much,afford,pay more,pay less,reduce,lower"},
		{timing, "deliver,ship,late,later,earlier,urgent,when,how long,postpone,as soon as"},
		{quality, "broken,damaged,faulty,wrong,better,quality"},
		{volume, "how many,buy more,bulk,double"},
		{payment, "pay,paid,sign,instalments,invoice"},
		{people, "hire,responsible,manage,lead,who,support,train"},
		{results, "achieve,achieved,improve,increase,increased,grow,measure,succeed"},
		{risk, "worried,afraid of,fail,failed,guarantee,what if,responsibility"},
	}, false)
}

// wordList is one topic with its words, separated by commas, or by spaces where
// no entry has two words.
type wordList struct {
	topic topic
	words string
}

func nounsOf(lists []wordList, noun bool) []topicNoun {
	var out []topicNoun
	for _, l := range lists {
		for _, w := range splitWords(l.words) {
			out = append(out, topicNoun{word: w, topic: l.topic, noun: noun})
		}
	}
	return out
}

func splitWords(words string) []string {
	if strings.Contains(words, ",") {
		return strings.Split(words, ",")
	}
	return strings.Fields(words)
}

// vague are nouns that say nothing when they are repeated.
const vague = " thing things point points moment question questions answer answers other others first second third whole right " +
	"matter issue topic reason reasons start beginning middle conversation meeting while today there their these those " +
	"following previous instructions prompt table world people email company "

// phrases tell intents, in the order in which they are asked.
func phrases() []struct {
	intent  intent
	pattern string
} {
	return []struct {
		intent  intent
		pattern string
	}{
		{bypass, `\b(?:ignore|forget|disregard|override)\b.{0,30}\b(?:instructions?|prompts?|rules|your role|everything (?:above|before))\b` +
			`|\b(?:system|hidden|initial|original) (?:prompt|message|instruction)|\b(?:reveal|show|print|repeat|tell)\b.{0,20}\byour (?:\w+ )?(?:prompt|instructions)\b` +
			`|\bare you (?:really |actually |just )?(?:an? )?(?:ai|bot|robot|machine|computer|human|real|chatbot|chatgpt|language model)\b` +
			`|\b(?:language model|jailbreak|developer mode|out of character|stop (?:role-?playing|acting|pretending)|from now on,? you)\b|(?:^\W*|please |now |must |should )act as\b`},
		{repeat, `\b(?:say|repeat) (?:that|it) (?:again|more slowly)|\brepeat (?:that|please)|\bcould you repeat|\bpardon\b|\bcan(?:no|')t hear you|\bi (?:do not|don't|didn't|did not) (?:understand|get that|catch that)` +
			`|\bwhat do you mean|\bwhat does .{2,30} mean\b|\bspeak (?:more )?slow|\bslower\b|^\W*(?:sorry|what|excuse me)\W*\?`},
		{goodbye, `\b(?:goodbye|bye|see you|talk to you (?:soon|later)|speak (?:soon|to you)|have a (?:good|nice|great) (?:day|weekend|evening|one)|that(?:'s| is) all (?:for|from)|i have to go|take care)\b`},
		{objection, `\b(?:can(?:no|')t (?:accept|agree|do|pay|offer|go|approve|wait)|cannot (?:accept|agree|do|pay|offer|go|approve|wait)|can not|(?:do not|don't) (?:agree|accept|think so|want|like)` +
			`|disagree|refuse|reject|too (?:expensive|high|much|late|long|slow|low|short|risky|complicated)|not (?:possible|acceptable|enough|good enough|happy|satisfied|convinced|interested|going to work)` +
			`|(?:i|we) (?:can(?:no|')t|cannot|won't|will not)|impossible|unacceptable|won't work|doesn't work|does not work|out of the question|i(?:'m| am) afraid|unfortunately|no way|higher than (?:we|i)|more than (?:we|i) (?:can|expected|planned)|unhappy|disappointed)\b` +
			`|^\W*no\b`},
		{identity, `\bwho are you\b|\byour (?:name|job|role)\b.*\?|\bwhat do you do\b|\b(?:introduce|tell me (?:a little |something )?about) yourself\b`},
		{service, `\bhow (?:can|may) (?:i|we) help\b|\bwhat can (?:i|we) do for you\b|\bcan i help you\b`},
		{agreement, `\b(?:i|we) (?:fully |completely |totally )?agree\b|\bagreed\b|\bit'?s a deal\b|\bdeal\b\W*$|\bwe (?:can )?accept\b|\bi (?:can )?accept\b|\bsounds (?:good|great|fine|fair|reasonable)\b` +
			`|\b(?:that|this|it) (?:works|would work|is fine|is okay|suits)\b|\b(?:that's|is) (?:fine|fair|perfect|acceptable|okay|ok)\b|\blet'?s (?:do|go) (?:that|it|with|ahead)\b|\bhappy with (?:that|this)\b` +
			`|^\W*(?:yes|yeah|sure|ok|okay|of course|certainly|absolutely|great|perfect|excellent|exactly|definitely|all right|alright|good idea|you are right|you're right|no problem)\b[^?]*$`},
		{question, `\?|^\W*(?:what|when|where|why|who|how|which|can|could|would|will|do|does|did|is|are|may|shall|should)\b`},
		{thanks, `\bthank|\bappreciate (?:it|that|your)\b|\bvery kind of you\b`},
	}
}
