package account_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
)

// What proving a token costs by itself: the first time with its signature, and
// then by its hash.
func BenchmarkVerify(b *testing.B) {
	s, token := account.BenchToken(b, issuer, audience, secret)
	b.Run("signature", func(b *testing.B) {
		for b.Loop() {
			account.ForgetTokens(s)
			_, err := account.VerifyToken(b.Context(), s, token)
			require.NoError(b, err)
		}
	})
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			_, err := account.VerifyToken(b.Context(), s, token)
			require.NoError(b, err)
		}
	})
}

// What a password costs with the parameters that are used.
func BenchmarkPassword(b *testing.B) {
	for b.Loop() {
		require.NoError(b, account.HashOnce(b.Context(), password))
	}
}
