package catalogue

// How much a word of a role weighs, by where it stands; the most counts where it
// stands in several places.
const (
	weighTitle       = 4.0
	weighAlias       = 3.0
	weighKeyword     = 2.0
	weighDescription = 1.0
	weighBeginning   = 0.5 // as it is written, so that the list of roles can be searched while somebody types
)

// studied is a role with its words.
type studied struct {
	Role
	names [][]string         // of the job: the words of each title and alias
	words map[string]float32 // what each weighs
}

// study reads the words of a role.
func study(r Role) *studied {
	s := &studied{Role: r, words: map[string]float32{}}
	for _, title := range r.Title {
		s.weigh(terms(title), weighTitle)
	}
	for _, names := range r.titles() {
		for _, name := range names {
			found := terms(name)
			s.weigh(found, weighAlias)
			s.names = append(s.names, texts(found))
		}
	}
	for _, keywords := range r.Keywords {
		for _, k := range keywords {
			s.weigh(terms(k), weighKeyword)
		}
	}
	for _, d := range r.Description {
		s.weigh(terms(d), weighDescription)
	}
	return s
}

func (s *studied) weigh(found []term, weight float32) {
	for _, t := range found {
		s.words[t.text] = max(s.words[t.text], weight)
		if weight >= weighKeyword {
			s.words[t.surface] = max(s.words[t.surface], weighBeginning)
		}
	}
}
