package partner

// planWords are the sentences of a plan in one language, with names to be put in.
type planWords struct {
	summary    string
	milestones [3][2]string // title, description
	days       [5]string
	goals      [5]string
	resources  [4][2]string // title, description

	anyRole, anyIndustry, anyPartner, anySituation string // where the data has no name
}

func planForm(language string) planWords {
	switch language {
	case "zh-Hans":
		return planSimplified()
	case "zh-Hant":
		return planTraditional()
	default:
		return planEnglish()
	}
}

func planEnglish() planWords {
	return planWords{
		summary: "In nine weeks you prepare for the English you need in your work in {industry} (your role: {role}). " +
			"You start with {partner}, because you talk to them most, and with {situation}.",
		milestones: [3][2]string{
			{"The words of your work", "You explain your tasks ({role}) and the most important terms of {industry} in clear, short sentences."},
			{"Safe in conversation", "You talk to {partner} without long pauses, ask back when something is unclear, and sum up what was said."},
			{"You lead the conversation", "You open and close {situation} yourself, answer objections politely and agree the next steps."},
		},
		days: [5]string{
			"Learn eight terms of {industry} and say a sentence about your day with each.",
			"Practise a conversation with {partner}: {situation}.",
			"Read your last conversation again and improve three of your sentences.",
			"Practise a conversation with {partner}: {situation}. Ask at least three questions.",
			"Talk for two minutes about your week, then plan a conversation with {partner}.",
		},
		goals: [5]string{
			"{situation} with {partner}: open the talk politely and say in two sentences what it is about.",
			"{situation} with {partner}: ask three open questions and repeat the answers in your own words.",
			"{situation} with {partner}: explain a problem from your work and suggest a solution.",
			"{situation} with {partner}: answer an objection calmly and give a reason.",
			"{situation} with {partner}: sum up the result and agree who does what by when.",
		},
		resources: [4][2]string{
			{"News from {industry}", "Read one short article a week and note five useful expressions."},
			{"Phrases for {situation}", "Fill the gaps, then say each phrase aloud as you would to {partner}."},
			{"English at work", "Listen on the way to work and repeat two sentences of each episode."},
			{"Good conversations in {industry}", "Watch how people greet, ask and close, and copy one of their phrases."},
		},
		anyRole: "your own", anyIndustry: "your industry", anyPartner: "business partners", anySituation: "conversations",
	}
}

func planSimplified() planWords {
	return planWords{
		summary: "用九周时间，为您在{industry}的工作（职位：{role}）准备所需的英语。您最常与{partner}交谈，所以从{partner}和“{situation}”开始。",
		milestones: [3][2]string{
			{"掌握工作词汇", "您能用清楚的短句介绍自己的工作（{role}）和{industry}最重要的术语。"},
			{"自信交谈", "您能与{partner}流畅交谈，不清楚时会追问，并能概括对方的意思。"},
			{"主导对话", "您能自己开始和结束“{situation}”，礼貌地回应异议，并约定下一步。"},
		},
		days: [5]string{
			"学习{industry}的八个术语，每个都用来说一句自己的工作。",
			"与{partner}练习一次对话：{situation}。",
			"重读上一次对话，改进自己的三个句子。",
			"与{partner}练习一次对话：{situation}，至少提三个问题。",
			"用两分钟讲讲这一周，再准备一次与{partner}的对话。",
		},
		goals: [5]string{
			"{situation}（{partner}）：礼貌地开场，用两句话说明来意。",
			"{situation}（{partner}）：提三个开放式问题，并用自己的话复述回答。",
			"{situation}（{partner}）：说明工作中的一个问题，并提出解决办法。",
			"{situation}（{partner}）：冷静地回应异议，并给出理由。",
			"{situation}（{partner}）：总结结果，约定谁在何时完成什么。",
		},
		resources: [4][2]string{
			{"{industry}新闻", "每周读一篇短文，记下五个有用的表达。"},
			{"“{situation}”常用句", "先填空，再像面对{partner}那样大声说出每一句。"},
			{"职场英语", "上班路上收听，每集跟读两句。"},
			{"{industry}里的好对话", "看别人如何问候、提问和收尾，并学用其中一句。"},
		},
		anyRole: "您的岗位", anyIndustry: "您的行业", anyPartner: "商业伙伴", anySituation: "对话",
	}
}

func planTraditional() planWords {
	return planWords{
		summary: "用九週時間，為您在{industry}的工作（職位：{role}）準備所需的英語。您最常與{partner}交談，所以從{partner}和「{situation}」開始。",
		milestones: [3][2]string{
			{"掌握工作詞彙", "您能用清楚的短句介紹自己的工作（{role}）和{industry}最重要的術語。"},
			{"自信交談", "您能與{partner}流暢交談，不清楚時會追問，並能概括對方的意思。"},
			{"主導對話", "您能自己開始和結束「{situation}」，禮貌地回應異議，並約定下一步。"},
		},
		days: [5]string{
			"學習{industry}的八個術語，每個都用來說一句自己的工作。",
			"與{partner}練習一次對話：{situation}。",
			"重讀上一次對話，改進自己的三個句子。",
			"與{partner}練習一次對話：{situation}，至少提三個問題。",
			"用兩分鐘講講這一週，再準備一次與{partner}的對話。",
		},
		goals: [5]string{
			"{situation}（{partner}）：禮貌地開場，用兩句話說明來意。",
			"{situation}（{partner}）：提三個開放式問題，並用自己的話複述回答。",
			"{situation}（{partner}）：說明工作中的一個問題，並提出解決辦法。",
			"{situation}（{partner}）：冷靜地回應異議，並給出理由。",
			"{situation}（{partner}）：總結結果，約定誰在何時完成甚麼。",
		},
		resources: [4][2]string{
			{"{industry}新聞", "每週讀一篇短文，記下五個有用的表達。"},
			{"「{situation}」常用句", "先填空，再像面對{partner}那樣大聲說出每一句。"},
			{"職場英語", "上班途中收聽，每集跟讀兩句。"},
			{"{industry}裏的好對話", "看別人如何問候、提問和收尾，並學用其中一句。"},
		},
		anyRole: "您的崗位", anyIndustry: "您的行業", anyPartner: "商業夥伴", anySituation: "對話",
	}
}
