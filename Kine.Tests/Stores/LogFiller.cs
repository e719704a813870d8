using Kine.Backends;

namespace Kine.Tests.Stores;

/// <summary>Appends puts of one revision each.</summary>
internal static class LogFiller
{
    /// <summary>Takes the store over and appends <paramref name="count"/> small records.</summary>
    public static async Task<(FenceToken Token, long Last)> Fill(IRevisionStore store, int count)
    {
        var seen = await store.ReadFence(default);
        var mine = (await store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default))!;
        var token = new FenceToken(mine.Epoch, mine.Holder);
        return (token, await Append(store, token, mine.LastRevision, count, valueLength: 100));
    }

    public static Task<long> AppendOne(IRevisionStore store, FenceToken token, long last) => Append(store, token, last, 1, 100);

    /// <summary>Appends one batch; returns its last revision.</summary>
    public static async Task<long> Append(IRevisionStore store, FenceToken token, long last, int count, int valueLength)
    {
        var batch = new AppendBatch { Token = token, ExpectedRevision = last, LastRevision = last + count };
        var value = new byte[valueLength];
        Random.Shared.NextBytes(value);
        for (var revision = last + 1; revision <= last + count; revision++)
            batch.Records.Add(new LogRecord(revision, 0, System.Text.Encoding.ASCII.GetBytes($"/key/{revision}"), revision, 1, 0, false, value));

        await store.Append(batch);
        return last + count;
    }
}
