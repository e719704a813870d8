using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Differential;

/// <summary>One of the two servers that get the same operations, with the watch streams opened on it.</summary>
internal sealed class Side(EtcdApiServer server, int watchStreams) : IDisposable
{
    public EtcdApiServer Server { get; } = server;

    public EtcdChannel Channel { get; private set; } = new(server.Address);

    public WatchFeed[] Feeds { get; private set; } = OpenFeeds(server, watchStreams);

    /// <summary>False for a server older than RangeStream: it gets a Range in its place.</summary>
    public bool HasRangeStream => Server is not EtcdServer;

    /// <summary>Opens everything anew after the server was restarted.</summary>
    public void Reconnect()
    {
        var streams = Feeds.Length;
        Dispose();
        Channel = new EtcdChannel(Server.Address);
        Feeds = OpenFeeds(Server, streams);
    }

    public void Dispose()
    {
        foreach (var feed in Feeds)
            feed.Dispose();

        Channel.Dispose();
    }

    // Each feed has a connection of its own: the order of calls on one must not hide what another one waits for.
    private static WatchFeed[] OpenFeeds(EtcdApiServer server, int count)
        => [.. Enumerable.Range(0, count).Select(_ => new WatchFeed(new EtcdChannel(server.Address)))];
}
