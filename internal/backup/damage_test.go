package backup_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Each of these is found without the identity, named, told in the list, and refused before
// anything is restored.
func TestDamageIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		why    string
		listed bool // a list, which reads no payload, tells it too
		damage func(b *bench, full, increment backup.Manifest)
	}{
		"a bit of the payload flips": {"is not the one that was written", false, func(b *bench, _, m backup.Manifest) {
			b.change(b.payload(m), func(text []byte) []byte { text[len(text)/2] ^= 1; return text })
		}},
		"a bit of what it builds upon flips": {"is not the one that was written", false, func(b *bench, full, _ backup.Manifest) {
			b.change(b.payload(full), func(text []byte) []byte { text[len(text)-1] ^= 128; return text })
		}},
		"the payload is cut short": {"bytes and should have", true, func(b *bench, _, m backup.Manifest) {
			b.change(b.payload(m), func(text []byte) []byte { return text[:len(text)/2] })
		}},
		"the payload is gone": {"has 0 bytes and should have", true, func(b *bench, _, m backup.Manifest) {
			require.NoError(b.t, os.Remove(b.payload(m)))
		}},
		"the manifest says something else": {"was changed after it was signed", true, func(b *bench, _, m backup.Manifest) {
			b.change(b.manifest(m), func(text []byte) []byte { return bytes.Replace(text, []byte("v1.0.0"), []byte("v1.0.1"), 1) })
		}},
		"the signature is forged": {"was changed after it was signed", true, func(b *bench, _, m backup.Manifest) {
			b.change(b.manifest(m), func(text []byte) []byte {
				at := bytes.Index(text, []byte(`"signature": "`)) + len(`"signature": "`)
				text[at] ^= 1
				return text
			})
		}},
		"the manifest is another's": {"is that of another backup", true, func(b *bench, full, m backup.Manifest) {
			text, err := os.ReadFile(b.manifest(full))
			require.NoError(b.t, err)
			b.change(b.manifest(m), func([]byte) []byte { return text })
		}},
		"the manifest is garbage": {"is no JSON", true, func(b *bench, _, m backup.Manifest) {
			b.change(b.manifest(m), func([]byte) []byte { return []byte("garbage") })
		}},
		"what it builds upon is gone": {"which is not there", true, func(b *bench, full, _ backup.Manifest) {
			require.NoError(b.t, os.Remove(b.manifest(full)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.say(nil, "one")
			full := b.make(false)
			b.say(nil, "two")
			m := b.make(false)
			c.damage(b, full, m)
			_, err := b.Verify(t.Context(), steps(nil), m.ID, nil)
			isDamaged(t, err, c.why)
			b.forget()
			_, err = b.restore(m.ID)
			isDamaged(t, err, c.why)
			require.Empty(t, b.said(), "nothing of it is restored")
			list, _, err := b.List(t.Context(), nil, 10)
			require.NoError(t, err)
			require.Equal(t, m.ID, list[0].ID)
			if c.listed {
				require.Contains(t, list[0].Problem, c.why)
			}
		})
	}
}

func isDamaged(t *testing.T, err error, why string) {
	t.Helper()
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, "backup.damaged", f.Code)
	require.Contains(t, f.Details["why"], why)
}

// Another key signs a manifest that would hold: it is not taken for ours.
func TestABackupOfAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(nil, "one")
	m := b.make(false)
	other := setup(t, func(d *backup.Deps) { d.URL, d.Signing = b.folder, bytes.Repeat([]byte{7}, 32) })
	_, err := other.Verify(t.Context(), steps(nil), m.ID, nil)
	isDamaged(t, err, "signed by another key")
}

func TestEveryThingInABackupIsVerified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.say(nil, "one")
	for range 3 {
		b.say(nil, "fine")
	}
	b.make(false)
	b.say(&bad, rotten)
	m := b.make(false)
	v, err := b.Verify(t.Context(), steps(nil), m.ID, b.identities)
	require.NoError(t, err)
	require.True(t, v.Opened)
	require.EqualValues(t, 4, v.Things)
	require.EqualValues(t, 1, v.Findings)
	require.Equal(t, []string{"boxes " + bad.String() + ": holds what is rotten"}, v.Named)

	_, err = b.Verify(t.Context(), steps(nil), uuid.New(), nil)
	require.Equal(t, "resource.not_found", fault.Find(err).Code)
}
