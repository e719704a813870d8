namespace Kine.Tests.Servers;

/// <summary>A real database server that a test class started on a loopback port, with data that outlives its process.</summary>
public abstract class DatabaseServer : IAsyncDisposable
{
    /// <summary>What to call it in messages.</summary>
    public abstract string Name { get; }

    /// <summary>TCP port on 127.0.0.1; the same after a restart.</summary>
    public abstract int Port { get; }

    /// <summary>An endpoint for kine that names a database nobody else has, not yet created where kine creates it itself.</summary>
    /// <param name="port">Port to name instead of its own, for a proxy in between; 0 = its own.</param>
    public abstract string NewEndpoint(int port = 0);

    /// <summary>Starts it, or starts it again on the same data and port, and waits until it takes connections.</summary>
    public abstract Task Start();

    /// <summary>Ends it with SIGKILL and waits until all of its processes are gone.</summary>
    public abstract Task Kill();

    public abstract ValueTask DisposeAsync();
}
