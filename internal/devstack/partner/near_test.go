package partner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// Each line: a text, one that is to be nearer to it, and one that is to be farther.
var triples = [][3]string{
	{"I help guests to book a restaurant", "礼宾 预订餐厅", "卡车司机"},
	{"I keep the books and do the accounts of a small firm", "bookkeeper", "hotel receptionist"},
	{"我给公司做账和报税", "accountant and tax adviser", "software developer"},
	{"我負責公司的會計帳目", "会计", "销售经理"},
	{"I count the cash and serve customers at the bank counter", "bank teller", "restaurant waiter"},
	{"I decide whether small businesses get a loan", "SME credit analyst", "real estate agent"},
	{"反洗钱和客户尽职调查", "AML and KYC compliance officer", "purchasing manager"},
	{"I look for new staff and interview candidates", "HR recruiter", "IT support"},
	{"招聘新员工，安排面试", "recruitment specialist", "marketing specialist"},
	{"I write code for our web site", "software developer", "graphic designer"},
	{"I draw the screens of our app and talk to its users", "UX designer", "network engineer"},
	{"社交媒体推广和广告投放", "digital marketing manager", "quality inspector"},
	{"I sign off the accounts of other firms", "external auditor", "office secretary"},
	{"handling claims after car accidents for an insurer", "保险理赔员", "基金经理"},
	{"I plan the berths for container ships at the terminal", "港口码头运营", "仓库管理员"},
	{"I send lorries out and plan their routes", "trucking dispatcher", "ship captain"},
	{"报关和清关文件", "customs broker", "housekeeping supervisor"},
	{"I book space with airlines and shipping lines for our clients' cargo", "freight forwarder", "hotel reservations agent"},
	{"picking orders and driving a forklift", "仓库 叉车司机", "司机 出租车"},
	{"I buy raw materials and negotiate with suppliers", "採購經理", "物業經理"},
	{"I show flats to buyers and agree the price", "房地产经纪", "建筑师"},
	{"我管理一座写字楼的设备和维修", "facilities manager", "estate agent selling houses"},
	{"I let shops and offices and renew the leases", "commercial leasing manager", "mortgage adviser"},
	{"valuing houses for the bank", "房地产估价师", "酒店前台"},
	{"planning and supervising the building site", "建筑工程 工地经理", "software project tester"},
	{"I check guests in and hand out the room keys", "酒店前台接待员", "客房清洁"},
	{"打扫客房，换床单", "hotel housekeeper", "executive chef"},
	{"I mix drinks behind the counter of the hotel", "bartender", "concierge"},
	{"planning weddings and banquets in a hotel", "宴会经理", "财务经理"},
	{"setting room prices by demand", "酒店收益管理", "人力资源管理"},
	{"制定菜单，管理厨房", "head chef", "front office manager"},
	{"I teach children at a primary school", "老师 小学", "training officer in a company"},
	{"护士 医院 照顾病人", "nurse in a hospital", "guest relations manager"},
	{"I play the violin in an orchestra", "音乐家", "event manager"},
	{"drive a taxi in the city", "出租车司机", "fleet manager"},
	{"contract review and legal advice for the company", "法務", "財務"},
	{"project manager, plans milestones and reports to stakeholders", "项目经理", "产品设计"},
	{"工业安全，检查工地", "HSE officer", "security guard at a hotel"},
}

func TestRelatedWorkIsNearerThanOther(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(triples), 25)
	server := partner.New(partner.Config{})
	for _, c := range triples {
		v := embed(t, server, 256, c[0], c[1], c[2])
		nearer, farther := cosine(v[0], v[1]), cosine(v[0], v[2])
		require.Greater(t, nearer, farther+0.1, "%q is nearer to %q (%.2f) than to %q (%.2f)", c[0], c[1], nearer, c[2], farther)
	}
}

func TestForeignJobsLandFarFromOurs(t *testing.T) {
	t.Parallel()
	server := partner.New(partner.Config{})
	ours := embed(t, server, 256, "accountant", "hotel receptionist", "truck dispatcher", "real estate agent", "human resources manager", "software developer",
		"会计师", "酒店前台", "货运代理", "物业经理")
	for _, foreign := range embed(t, server, 256, "I teach children at school", "I am a nurse in a hospital", "农民，种水稻", "我是理發師", "I sing in a band", "professional footballer") {
		for _, v := range ours {
			require.Less(t, cosine(foreign, v), 0.3)
		}
	}
}

func TestTyposComeNearWhatIsMeant(t *testing.T) {
	t.Parallel()
	server := partner.New(partner.Config{})
	for typed, meant := range map[string]string{
		"acountant": "accountant", "housekeper": "housekeeper", "logistcs": "logistics", "conceirge": "concierge", "warehose": "warehouse",
		"recepcionist": "receptionist", "enginer": "engineer", //nolint:misspell // as people write them
		"procurment": "procurement", "insurrance": "insurance", "restaurnt": "restaurant",
	} {
		v := embed(t, server, 256, typed, meant, "violinist and teacher")
		require.Greater(t, cosine(v[0], v[1]), 0.4, typed)
		require.Greater(t, cosine(v[0], v[1]), cosine(v[0], v[2])+0.3, typed)
	}
}

func TestTraditionalAndSimplifiedChineseAreOneScript(t *testing.T) {
	t.Parallel()
	v := embed(t, partner.New(partner.Config{}), 256, "我负责仓库的货物盘点与发货", "我負責倉庫的貨物盤點與發貨")
	require.InDelta(t, 1, cosine(v[0], v[1]), 1e-6)
}

func TestCommonWordsAndSeniorityWeighLittle(t *testing.T) {
	t.Parallel()
	v := embed(t, partner.New(partner.Config{}), 256, "hotel manager", "hotel assistant", "warehouse manager",
		"I work in a company and am responsible for the team", "work, company, team: payroll")
	require.Greater(t, cosine(v[0], v[1]), cosine(v[0], v[2])+0.3)
	require.Less(t, cosine(v[3], v[4]), 0.5)
}
