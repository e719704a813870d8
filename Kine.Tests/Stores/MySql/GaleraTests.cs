using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>Two processes on two nodes of a cluster, where a commit can fail because of what the other node committed first.</summary>
public sealed class GaleraTests
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Writers_on_two_nodes_that_take_the_fence_from_each_other_keep_one_whole_log()
    {
        await using var cluster = new GaleraCluster();
        await cluster.Start();
        var database = MariaDbServer.NewDatabase();
        IRevisionStore[] stores = [.. cluster.Nodes.Select(node => StoreEndpoint.Parse(node.Endpoint(database)).Create())];
        try
        {
            await Task.WhenAll(stores.Select(store => store.Open(default)));
            var acknowledged = new ConcurrentDictionary<long, string>();
            await Task.WhenAll(stores.Select(store => Task.Run(() => Fight(store, acknowledged))));

            Assert.NotEmpty(acknowledged);
            foreach (var store in stores)
            {
                var last = (await store.ReadFence(default)).LastRevision;
                var records = await store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
                Assert.Equal(Enumerable.Range(2, (int)last - 1), records.Select(record => (int)record.Revision));
                foreach ((var revision, var key) in acknowledged)
                    Assert.Equal(key, Encoding.ASCII.GetString(records[(int)revision - 2].Key.Span));
            }
        }
        finally
        {
            foreach (var store in stores)
                await store.DisposeAsync();
        }
    }

    // Takes over and appends a few records, again and again; what was acknowledged is noted by its revision.
    private static async Task Fight(IRevisionStore store, ConcurrentDictionary<long, string> acknowledged)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Length)
        {
            try
            {
                var mine = await store.TakeOver(await store.ReadFence(default), Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default);
                for (var last = mine?.LastRevision ?? 0; mine is not null && last < mine.LastRevision + 20; last++)
                {
                    var key = Guid.NewGuid().ToString();
                    var batch = new AppendBatch { Token = new(mine.Epoch, mine.Holder), ExpectedRevision = last, LastRevision = last + 1 };
                    batch.Records.Add(new LogRecord(last + 1, 0, Encoding.ASCII.GetBytes(key), last + 1, 1, 0, false, new byte[500]));
                    await store.Append(batch);
                    Assert.True(acknowledged.TryAdd(last + 1, key), $"revision {last + 1} was acknowledged twice");
                }
            }
            catch (Exception pushedAside) when (pushedAside is FencedException or OutcomeUnknownException or StoreUnavailableException)
            {
                // The other node has the fence: it is taken again.
            }
        }
    }
}
