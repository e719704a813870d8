using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>The past as the log has it: records from the store, what was before them from the index.</summary>
internal static class LogEvents
{
    /// <summary>See <see cref="IEventHistory.ReadEvents"/>.</summary>
    public static async Task<EventPage> Read(
        IRevisionStore store, KeyIndex index, long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken)
    {
        var events = new List<KeyEvent>();
        var after = new RecordId(from - 1, int.MaxValue);
        long bytes = 0;
        while (true)
        {
            var page = await store.ReadRecords(after, to, maxEvents + 1, maxBytes, cancellationToken);
            if (page.Count == 0)
                return new EventPage(events, to);

            foreach (var record in page)
            {
                if (events.Count > 0 && record.Revision != events[^1].Revision && (events.Count >= maxEvents || bytes >= maxBytes))
                {
                    // Revisions between two records hold nothing, so the page covers them too.
                    return new EventPage(events, record.Revision - 1);
                }

                events.Add(EventOf(record, index));
                bytes += record.Key.Length + record.Value.Length;
            }

            after = page[^1].Id;
        }
    }

    private static KeyEvent EventOf(in LogRecord record, KeyIndex index)
    {
        var version = KeyVersion.Of(record);
        var keyValue = KeyValueWire.Encode(record.Key.Span, version, record.Value.Span);
        KeyVersion previous = default;
        if (version.Create != version.Mod)
            index.TryGet(record.Key.Span, version.Mod - 1, out previous);

        return new KeyEvent(KeyValueWire.Key(keyValue), version, keyValue, previous);
    }
}
