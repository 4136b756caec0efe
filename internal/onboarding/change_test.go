package onboarding_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestARefusedChangeChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.chosen()
	b.told()
	refusal := fault.New(fault.Precondition, "request.precondition_failed", "It has changed since; read it again.")
	var seen []onboarding.Onboarding
	refuse := func(o onboarding.Onboarding) error {
		seen = append(seen, o)
		return refusal
	}
	for verb, call := range map[string]func() (onboarding.Onboarding, error){
		"language": func() (onboarding.Onboarding, error) {
			return b.SetNativeLanguage(t.Context(), onboarding.SetNativeLanguageInput{UserID: mei, Language: "en", NativeLanguage: "english", Matches: refuse})
		},
		"industry": func() (onboarding.Onboarding, error) {
			return b.SetIndustry(t.Context(), onboarding.SetIndustryInput{UserID: mei, Language: "en", IndustryID: "real_estate", Matches: refuse})
		},
		"role": func() (onboarding.Onboarding, error) {
			return b.SetRole(t.Context(), onboarding.SetRoleInput{UserID: mei, Language: "en", RoleID: &accountant, Matches: refuse})
		},
		"partners": func() (onboarding.Onboarding, error) {
			return b.SetPartners(t.Context(), onboarding.SetPartnersInput{UserID: mei, Language: "en", PartnerIDs: []string{"suppliers"}, Matches: refuse})
		},
		"situations": func() (onboarding.Onboarding, error) {
			return b.SetPartnerSituations(t.Context(), onboarding.SetPartnerSituationsInput{UserID: mei, Language: "en",
				PartnerID: "clients", SituationIDs: []string{"briefings"}, Matches: refuse})
		},
	} {
		_, err := call()
		require.ErrorIs(t, err, refusal, verb)
	}
	require.Len(t, seen, 5)
	for _, o := range seen {
		require.Equal(t, before, o, "the caller sees what a reader does")
	}
	require.Equal(t, before, b.now())
	require.Equal(t, "chinese_simplified", *b.account())
	require.Empty(t, b.told())
}

func TestTwoDevicesAtOnceNeverMakeAMixture(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sets := [][]string{{"clients", "colleagues", "suppliers"}, {"senior_management", "partners"}}
	const rounds = 20
	var all sync.WaitGroup
	var mu sync.Mutex
	byVersion := map[int64][]string{}
	var failed error
	for _, set := range sets {
		all.Go(func() {
			for range rounds {
				o, err := b.partners(set...)
				mu.Lock()
				failed = errors.Join(failed, err)
				byVersion[o.Version] = ids(o)
				if !slices.Equal(set, ids(o)) {
					failed = errors.Join(failed, errors.New("a mixture"))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.NoError(t, failed)
	require.Len(t, byVersion, 2*rounds, "each change is a version of its own")
	o := b.now()
	require.Equal(t, int64(2*rounds), o.Version)
	require.Equal(t, byVersion[o.Version], ids(o))
	require.Equal(t, 1, b.count("outbox where type = 'onboarding.started'"))
	require.Equal(t, 2*rounds, b.count("outbox where type = 'onboarding.partners_selected'"))
}

func TestTwoDevicesWithTheSameTagCannotBothWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tag := b.chosen().Tag()
	changed := fault.New(fault.Precondition, "request.precondition_failed", "It has changed since; read it again.")
	languages := []string{"english", "chinese_traditional", "chinese_simplified"}
	errs := make([]error, len(languages))
	var all sync.WaitGroup
	for i, language := range languages {
		all.Go(func() {
			_, errs[i] = b.SetNativeLanguage(t.Context(), onboarding.SetNativeLanguageInput{UserID: mei, Language: "en", NativeLanguage: language,
				Matches: func(o onboarding.Onboarding) error {
					if o.Tag() != tag {
						return changed
					}
					return nil
				}})
		})
	}
	all.Wait()
	won := slices.Index(errs, nil)
	require.GreaterOrEqual(t, won, 0)
	for i, err := range errs {
		if i != won {
			require.ErrorIs(t, err, changed)
		}
	}
	require.Equal(t, languages[won], *b.account())
	require.Equal(t, int64(6), b.now().Version)
}

func TestMoreDevicesThanConnectionsAllComeThrough(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.chosen()
	errs := make([]error, 3*b.pool.Config().MaxConns)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = b.role(accountant) })
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, int64(5+len(errs)), b.now().Version)
}

func ids(o onboarding.Onboarding) (out []string) {
	for _, p := range o.Partners {
		out = append(out, p.ID)
	}
	return out
}
