package account_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestCommonPasswordsAreKnownHoweverTheyAreDressedUp(t *testing.T) {
	t.Parallel()
	for text, common := range map[string]bool{
		"password": true, "Password1!": true, "P@ssw0rd2024!": true, "!Password!": true, "2024Password#": true, "PASSWORD": true,
		"P455word!": true, "$unshine1!": true, "Qwertyuiop1!": true, "Iloveyou#1": true, "Tr0ub4dor&3": false, "Welc0me2024!": true,
		"trustno1": true, "Trustno1!": true, "!QAZ2wsx": true, "1q2w3e4r": true, "Football-2031": true,
		password: false, "Wrong-Horse-7": false, "密码-Kq7-xyzzyx": false, "": false, "7": false, "!!!!!!!!": false,
		"Password-of-the-Morning-7": false, "correct horse battery Staple 9!": false, "Zq4#vT9-mmXw": false,
	} {
		require.Equal(t, common, account.IsCommon(text), text)
	}
}

func TestTheListOfCommonPasswordsCanBeSearched(t *testing.T) {
	t.Parallel()
	list := account.CommonPasswords()
	require.Greater(t, len(list), 10_000)
	require.True(t, slices.IsSorted(list))
	require.Len(t, slices.Compact(slices.Clone(list)), len(list))
	for _, i := range []int{0, len(list) / 2, len(list) - 1} {
		require.True(t, account.IsCommon(list[i]), list[i])
	}
}

func TestNobodySignsUpWithACommonPassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.Password = "P@ssw0rd2024!"
	_, err := b.SignUp(t.Context(), in)
	f := requireFault(t, err, "user.password_weak", fault.Unprocessable)
	require.Equal(t, []string{"/password", "too_common"}, []string{f.Fields[0].Pointer, f.Fields[0].Code})
	require.NotContains(t, err.Error(), in.Password)
}
