package mail

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
)

// Languages are those that every mail is written in, by BCP 47 tag.
func Languages() []string { return []string{"en", "zh-Hans", "zh-Hant"} }

// subjectPrefix begins the first line of a text template.
const subjectPrefix = "Subject: "

// template is one mail in one language.
type template struct {
	subject *texttemplate.Template
	text    *texttemplate.Template
	html    *htmltemplate.Template
}

// templates are all mails, by name and language.
type templates map[string]map[string]*template

// A content is what a template makes of its data.
type content struct{ subject, text, html string }

// parseTemplates reads every file of every folder. Of each mail there are
// <name>.<language>.txt, whose first line is its Subject and whose second is
// empty, and <name>.<language>.html, in each of Languages.
func parseTemplates(folders []fs.FS) (templates, error) {
	all := templates{}
	for _, folder := range folders {
		mine := templates{}
		err := fs.WalkDir(folder, ".", func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(folder, file)
			if err != nil {
				return err
			}
			return mine.add(file, string(text))
		})
		if err != nil {
			return nil, fmt.Errorf("mail templates: %w", err)
		}
		for name, one := range mine {
			if all[name] != nil {
				return nil, fmt.Errorf("mail templates: there are two named %s", name)
			}
			all[name] = one
		}
	}
	return all, all.complete()
}

// add parses one file.
func (all templates) add(file, text string) error {
	name, language, kind, ok := parseName(file)
	if !ok {
		return fmt.Errorf("%s: must be named <name>.<language>.txt or .html, with a language of %s", file, strings.Join(Languages(), ", "))
	}
	if all[name] == nil {
		all[name] = map[string]*template{}
	}
	if all[name][language] == nil {
		all[name][language] = &template{}
	}
	t := all[name][language]
	var err error
	if kind == ".html" {
		t.html, err = htmltemplate.New(file).Option("missingkey=error").Parse(text)
		return err
	}
	head, body, _ := strings.Cut(text, "\n")
	subject, isSubject := strings.CutPrefix(head, subjectPrefix)
	body, isApart := strings.CutPrefix(body, "\n")
	if !isSubject || !isApart {
		return fmt.Errorf("%s: must begin with a line %q and an empty one", file, subjectPrefix+"...")
	}
	if t.subject, err = texttemplate.New(file).Option("missingkey=error").Parse(subject); err != nil {
		return err
	}
	t.text, err = texttemplate.New(file).Option("missingkey=error").Parse(body)
	return err
}

// parseName takes the name of a file apart.
func parseName(file string) (name, language, kind string, ok bool) {
	kind = path.Ext(file)
	name, language, ok = strings.Cut(strings.TrimSuffix(file, kind), ".")
	ok = ok && name != "" && !strings.Contains(name, "/") && (kind == ".txt" || kind == ".html") && slices.Contains(Languages(), language)
	return name, language, kind, ok
}

// complete looks for what is missing.
func (all templates) complete() error {
	for name, one := range all {
		for _, language := range Languages() {
			if t := one[language]; t == nil || t.text == nil || t.html == nil {
				return fmt.Errorf("mail templates: %s needs %[1]s.%[2]s.txt and %[1]s.%[2]s.html", name, language)
			}
		}
	}
	return nil
}

// render fills a template in. Whatever its data, the subject is one line.
func (all templates) render(name, language string, data any) (c content, err error) {
	t := all[name][language]
	if t == nil {
		return c, fmt.Errorf("there is no template %q in %q", name, language)
	}
	for _, part := range []struct {
		of interface {
			Execute(to io.Writer, data any) error
		}
		into *string
	}{{t.subject, &c.subject}, {t.text, &c.text}, {t.html, &c.html}} {
		var out bytes.Buffer
		if err := part.of.Execute(&out, data); err != nil {
			return c, err
		}
		*part.into = out.String()
	}
	c.subject = oneLine(c.subject, maxSubject)
	return c, nil
}
