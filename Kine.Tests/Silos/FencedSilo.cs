using Kine.Backends;
using Kine.Grains;
using Kine.Tests.Fencing;

namespace Kine.Tests.Silos;

/// <summary>A silo on a store that the fence guards, with connections that can be cut.</summary>
internal sealed class FencedSilo : IAsyncDisposable
{
    private static readonly TimeSpan StopWithoutOthers = TimeSpan.FromSeconds(5);

    private readonly SiloNetwork _network;
    private bool _killed;

    private FencedSilo(Silo silo, SharedStore connection, SiloNetwork network)
    {
        Silo = silo;
        Connection = connection;
        _network = network;
    }

    public Silo Silo { get; }

    /// <summary>This silo's way to the store.</summary>
    public SharedStore Connection { get; }

    /// <summary>What would have ended this silo's process.</summary>
    public IEnumerable<string> Fatal => _network.Fatal;

    public static async Task<FencedSilo> Start(IRevisionStore log, WriterOptions options, FencedSilo? primary = null)
    {
        var connection = new SharedStore(log);
        var network = new SiloNetwork();
        return new FencedSilo(await Silo.Start(connection, options, primary?.Silo, network), connection, network);
    }

    /// <summary>From here on nobody hears of it: neither the store nor the other silos. It says good-bye to none of them.</summary>
    public void Kill()
    {
        _killed = true;
        Connection.Cut = true;
        _network.Cut();
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource();
        if (_killed)
            patience.CancelAfter(StopWithoutOthers);

        try
        {
            await Silo.Stop(patience.Token);
        }
        catch (OperationCanceledException) when (_killed)
        {
            // What waits for an answer of the others never gets it.
        }
    }
}
