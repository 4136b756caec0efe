package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/room"
)

func TestComingAndGoingIsToldOnceHoweverManyDevicesOnWhicheverNode(t *testing.T) {
	h := setup(t)
	a, b := h.node(), h.node()
	mei := a.enters(someone("Mei"))
	feed := b.follows(eventlog.ID{})
	phone := a.enters(someone("Tom"))
	laptop := b.enters(phone.device())
	require.Equal(t, phone.member, laptop.member, "since the first device")
	require.Equal(t, []string{"Mei", "Tom"}, b.names())
	a.leaves(phone)
	require.Equal(t, []string{"Mei", "Tom"}, a.names())
	b.leaves(laptop)
	b.leaves(laptop)
	require.Equal(t, []string{"Mei"}, a.names())
	a.says(mei, `{"n":1}`)
	require.Equal(t, []string{"presence.joined Tom ", "presence.left Tom ", `room.message Mei {"n":1}`}, b.hears(feed, `{"n":1}`))
}

func TestWhoeverLeavesIsToldWithSinceWhenTheyWereThere(t *testing.T) {
	h := setup(t)
	a := h.node()
	mei := a.enters(someone("Mei"))
	feed := a.follows(eventlog.ID{})
	a.leaves(mei)
	events, err := feed.Next(t.Context())
	require.NoError(t, err)
	left, known := events[0].Read()
	require.True(t, known)
	require.Equal(t, room.EventLeft, left.Type)
	require.True(t, mei.member.JoinedAt.Equal(left.Member.JoinedAt))
}

func TestThoseOfANodeThatIsGoneAreToldOnceUnlessTheyAreElsewhere(t *testing.T) {
	h := setup(t)
	dying := h.node()
	a, b := h.node(), h.node()
	mei := a.enters(someone("Mei"))
	dying.enters(mei.device())
	tom := dying.enters(someone("Tom"))
	feed := b.follows(eventlog.ID{})
	gone, err := dying.presence.Members(t.Context(), "room:monday-group")
	require.NoError(t, err)
	_, _, err = dying.presence.Leave(t.Context(), "room:monday-group", tom.Connection)
	require.NoError(t, err)
	b.Lost(t.Context(), "room:monday-group", gone) // as presence tells of a node that died
	b.Lost(t.Context(), "user:"+tom.UserID.String(), gone)
	a.says(mei, `{"n":1}`)
	require.Equal(t, []string{"presence.left Tom ", `room.message Mei {"n":1}`}, b.hears(feed, `{"n":1}`))
}

func TestARoomIsFullOfPeopleNotOfDevices(t *testing.T) {
	h := setup(t)
	a := h.node()
	var first guest
	for i := range room.MaxMembers {
		if g := a.enters(someone(fmt.Sprint("guest ", i))); i == 0 {
			first = g
		}
	}
	feed := a.follows(eventlog.ID{})
	late := someone("Late")
	_, err := a.Join(t.Context(), late.JoinInput)
	require.True(t, fault.Is(err, "room.full"), "%v", err)
	require.Len(t, a.names(), room.MaxMembers)
	other := a.enters(first.device())
	a.leaves(first)
	_, err = a.Join(t.Context(), late.JoinInput)
	require.True(t, fault.Is(err, "room.full"), "%v", err)
	a.leaves(other)
	a.enters(late)
	a.says(late, `{"n":1}`)
	require.Equal(t, []string{"presence.left guest 0 ", "presence.joined Late ", `room.message Late {"n":1}`}, a.hears(feed, `{"n":1}`))
}

func TestWhatIsSaidIsBounded(t *testing.T) {
	h := setup(t)
	a := h.node()
	mei := a.enters(someone("Mei"))
	fits := `{"a":"` + strings.Repeat("x", room.MaxData-len(`{"a":""}`)) + `"}`
	a.says(mei, fits)
	_, err := a.Publish(t.Context(), room.PublishInput{Room: mei.Room, UserID: mei.UserID, Name: mei.Name, Data: []byte(fits + " ")})
	require.True(t, fault.Is(err, "request.too_large"), "%v", err)
	for text, good := range map[string]bool{"abc": true, "a-1": true, strings.Repeat("a", 64): true, "ab": false, strings.Repeat("a", 65): false, "Abc": false, "a b": false, "äöü": false, "abc\n": false} {
		require.Equal(t, good, room.ValidName(text), "%q", text)
	}
}

func TestAReaderResumesOrIsToldThatItIsTooLate(t *testing.T) {
	h := setup(t)
	a, b := h.node(), h.node()
	mei := a.enters(someone("Mei"))
	feed := b.follows(eventlog.ID{})
	require.False(t, feed.Position().IsZero(), "where to resume if nothing comes")
	at := a.says(mei, `{"n":0}`)
	require.Equal(t, []string{`room.message Mei {"n":0}`}, b.hears(feed, `{"n":0}`))
	require.Equal(t, at, feed.Position())
	feed.Close()
	feed.Close()
	a.says(mei, `{"n":1}`)
	a.says(mei, `{"n":2}`)
	again := b.follows(at)
	require.True(t, again.Recovered())
	require.Equal(t, []string{`room.message Mei {"n":1}`, `room.message Mei {"n":2}`}, b.hears(again, `{"n":2}`))
	for i := range 300 { // Redis trims in whole nodes of its own
		a.says(mei, fmt.Sprintf(`{"m":%d}`, i))
	}
	late := b.follows(at)
	require.False(t, late.Recovered())
	heard := b.hears(late, `{"m":299}`)
	require.Contains(t, heard, `room.message Mei {"m":200}`, "what it still knows follows")
	require.NotContains(t, heard, `room.message Mei {"n":1}`)
}

func TestWithoutRedisRoomsSaySoAndNobodyTurnsUpLater(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	client := redistest.Client(t, server.URL())
	h := hall{t, client, "p"}
	a := h.node()
	mei := a.enters(someone("Mei"))
	feed := a.follows(eventlog.ID{})
	require.NoError(t, server.Stop(t.Context()))
	tom := someone("Tom")
	_, err := a.Join(t.Context(), tom.JoinInput)
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)
	_, err = a.Members(t.Context(), mei.Room)
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)
	_, err = a.Follow(t.Context(), mei.Room, eventlog.ID{})
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)
	_, err = a.Publish(t.Context(), room.PublishInput{Room: mei.Room, UserID: mei.UserID, Name: mei.Name, Data: []byte("{}")})
	require.True(t, fault.Is(err, "server.unavailable"), "%v", err)

	redistest.Own(t, portOf(t, server.URL()))
	require.Eventually(t, func() bool {
		all, err := a.Members(t.Context(), mei.Room)
		return err == nil && len(all) == 1
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := a.Publish(t.Context(), room.PublishInput{Room: mei.Room, UserID: mei.UserID, Name: mei.Name, Data: []byte(`{"n":1}`)})
		return err == nil
	}, patience, 10*time.Millisecond)
	_, err = feed.Next(t.Context())
	require.ErrorIs(t, err, eventlog.ErrRestarted)
	require.Contains(t, a.hears(feed, `{"n":1}`), `room.message Mei {"n":1}`)
	ida := a.enters(someone("Ida")) // and so what was held over is written
	require.Never(t, func() bool { return len(a.names()) != 2 }, 500*time.Millisecond, 50*time.Millisecond, "who was in is in; who was refused is not")
	a.leaves(ida)
}
