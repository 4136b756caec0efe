package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestAFaultIsFoundThroughWrapping(t *testing.T) {
	t.Parallel()
	base := fault.New(fault.Conflict, "conversation.not_active", "the conversation is paused")
	err := fmt.Errorf("send: %w", base.WithCause(errors.New("row 7")))

	require.True(t, fault.Is(err, "conversation.not_active"))
	require.False(t, fault.Is(err, "conversation.not_found"))
	require.ErrorIs(t, err, base)
	require.Equal(t, fault.Conflict, fault.Find(err).Kind)
	require.Contains(t, err.Error(), "row 7", "logs see the cause")
	require.NotContains(t, fault.Find(err).Message, "row 7", "clients do not")
	require.Nil(t, fault.Find(errors.New("plain")))
	require.False(t, fault.Is(errors.New("plain"), ""))
}

func TestWithCopiesAndLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	base := fault.New(fault.TooMany, "rate.limited", "slow down")
	one := base.WithDetail("a", 1)
	two := one.WithDetail("b", 2).WithRetryAfter(3 * time.Second).WithFields(fault.Field{Pointer: "/x"})

	require.Nil(t, base.Details)
	require.Equal(t, map[string]any{"a": 1}, one.Details)
	require.Equal(t, map[string]any{"a": 1, "b": 2}, two.Details)
	require.Zero(t, one.RetryAfter)
	require.Equal(t, 3*time.Second, two.RetryAfter)
	require.Len(t, two.Fields, 1)
	require.Equal(t, "rate.limited: slow down", base.Error())
}
