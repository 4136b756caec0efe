package v2

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
)

// Caching of the lists: they change rarely.
const (
	catalogueCache = "public, max-age=300"
	catalogueVary  = "Accept-Language, Origin"
)

// languageTags are those that names are served in.
var languageTags = []string{"en", "zh-Hans", "zh-Hant"}

// localized is one list in one language, with its ETag.
type localized[P any] struct {
	page P
	etag string
	tag  string
}

// catalogueLists holds every list in every language, as of one picture of the catalogue.
type catalogueLists struct {
	of         *catalogue.Catalogue
	languages  map[string]localized[apiv2.LanguagePage]
	industries map[string]localized[apiv2.IndustryPage]
	partners   map[string]localized[apiv2.PartnerPage]
	situations map[string]localized[apiv2.SituationPage]
}

// catalogueLists gives the lists of the catalogue as it is now; they are made again
// when it has changed.
func (s *Server) catalogueLists() (*catalogueLists, error) {
	now := s.Catalogue.Current()
	if l := s.lists.Load(); l != nil && l.of == now {
		return l, nil
	}
	l, err := newCatalogueLists(now)
	if err != nil {
		return nil, err
	}
	s.lists.Store(l)
	return l, nil
}

func newCatalogueLists(c *catalogue.Catalogue) (*catalogueLists, error) {
	l := &catalogueLists{of: c}
	var errs [4]error
	l.languages, errs[0] = localize(func(tag string) apiv2.LanguagePage {
		page := apiv2.LanguagePage{Data: []apiv2.Language{}, NextCursor: nullable.NewNullNullable[any]()}
		for _, x := range c.Languages {
			page.Data = append(page.Data, apiv2.Language{ID: x.ID, Tag: x.Code, Code: x.Code, Name: x.Name.In(tag), NativeName: x.NativeName, Available: x.Available})
		}
		return page
	})
	l.industries, errs[1] = localize(func(tag string) apiv2.IndustryPage {
		page := apiv2.IndustryPage{Data: []apiv2.Industry{}, NextCursor: nullable.NewNullNullable[any]()}
		for _, x := range c.Industries {
			page.Data = append(page.Data, apiv2.Industry{ID: x.ID, Name: x.Name.In(tag), Description: x.Description.In(tag)})
		}
		return page
	})
	l.partners, errs[2] = localize(func(tag string) apiv2.PartnerPage {
		page := apiv2.PartnerPage{Data: []apiv2.Partner{}, NextCursor: nullable.NewNullNullable[any]()}
		for _, x := range c.Partners {
			page.Data = append(page.Data, apiv2.Partner{ID: x.ID, Name: x.Name.In(tag), Description: x.Description.In(tag), Relation: apiv2.PartnerRelation(x.Relation)})
		}
		return page
	})
	l.situations, errs[3] = localize(func(tag string) apiv2.SituationPage {
		page := apiv2.SituationPage{Data: []apiv2.Situation{}, NextCursor: nullable.NewNullNullable[any]()}
		for _, x := range c.Situations {
			page.Data = append(page.Data, apiv2.Situation{ID: x.ID, Name: x.Name.In(tag), Description: x.Description.In(tag)})
		}
		return page
	})
	return l, errors.Join(errs[:]...)
}

func localize[P any](in func(tag string) P) (map[string]localized[P], error) {
	all := map[string]localized[P]{}
	for _, tag := range languageTags {
		page := in(tag)
		etag, err := pageETag(page, tag)
		if err != nil {
			return nil, err
		}
		all[tag] = localized[P]{page: page, etag: etag, tag: tag}
	}
	return all, nil
}

// pageETag names what a page says in a language.
func pageETag(page any, tag string) (string, error) {
	text, err := json.Marshal(page)
	if err != nil {
		return "", fmt.Errorf("catalogue in %s: %w", tag, err)
	}
	sum := sha256.Sum256(append([]byte(tag), text...))
	return contentETag(sum[:]), nil
}

// pick gives the list in the negotiated language, and whether the client has it.
func pick[P any](all map[string]localized[P], accept, ifNoneMatch *string) (localized[P], bool) {
	one := all[catalogue.Negotiate(valueOr(accept, ""))]
	return one, web.NotModified(valueOr(ifNoneMatch, ""), one.etag)
}

// ListLanguages gives the native languages.
func (s *Server) ListLanguages(_ context.Context, req apiv2.ListLanguagesRequestObject) (apiv2.ListLanguagesResponseObject, error) {
	lists, err := s.catalogueLists()
	if err != nil {
		return nil, err
	}
	l, current := pick(lists.languages, req.Params.AcceptLanguage, req.Params.IfNoneMatch)
	if current {
		return apiv2.ListLanguages304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: l.etag}}, nil
	}
	return apiv2.ListLanguages200JSONResponse{Body: l.page, Headers: apiv2.ListLanguages200ResponseHeaders{
		ETag: l.etag, CacheControl: catalogueCache, ContentLanguage: l.tag, Vary: catalogueVary}}, nil
}

// ListIndustries gives the industries.
func (s *Server) ListIndustries(_ context.Context, req apiv2.ListIndustriesRequestObject) (apiv2.ListIndustriesResponseObject, error) {
	lists, err := s.catalogueLists()
	if err != nil {
		return nil, err
	}
	l, current := pick(lists.industries, req.Params.AcceptLanguage, req.Params.IfNoneMatch)
	if current {
		return apiv2.ListIndustries304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: l.etag}}, nil
	}
	return apiv2.ListIndustries200JSONResponse{Body: l.page, Headers: apiv2.ListIndustries200ResponseHeaders{
		ETag: l.etag, CacheControl: catalogueCache, ContentLanguage: l.tag, Vary: catalogueVary}}, nil
}

// ListPartners gives the communication partners.
func (s *Server) ListPartners(_ context.Context, req apiv2.ListPartnersRequestObject) (apiv2.ListPartnersResponseObject, error) {
	lists, err := s.catalogueLists()
	if err != nil {
		return nil, err
	}
	l, current := pick(lists.partners, req.Params.AcceptLanguage, req.Params.IfNoneMatch)
	if current {
		return apiv2.ListPartners304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: l.etag}}, nil
	}
	return apiv2.ListPartners200JSONResponse{Body: l.page, Headers: apiv2.ListPartners200ResponseHeaders{
		ETag: l.etag, CacheControl: catalogueCache, ContentLanguage: l.tag, Vary: catalogueVary}}, nil
}

// ListSituations gives the situations.
func (s *Server) ListSituations(_ context.Context, req apiv2.ListSituationsRequestObject) (apiv2.ListSituationsResponseObject, error) {
	lists, err := s.catalogueLists()
	if err != nil {
		return nil, err
	}
	l, current := pick(lists.situations, req.Params.AcceptLanguage, req.Params.IfNoneMatch)
	if current {
		return apiv2.ListSituations304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: l.etag}}, nil
	}
	return apiv2.ListSituations200JSONResponse{Body: l.page, Headers: apiv2.ListSituations200ResponseHeaders{
		ETag: l.etag, CacheControl: catalogueCache, ContentLanguage: l.tag, Vary: catalogueVary}}, nil
}
