using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Kine.Tests.Silos;

/// <summary>What connects a silo with the others. Cut, it stays cut: to the others the silo looks killed.</summary>
internal sealed class SiloNetwork : IFatalErrorHandler
{
    private readonly Lock _lock = new(); // protects _open and _cut
    private readonly HashSet<ConnectionContext> _open = [];
    private bool _cut;

    /// <summary>What would have ended the silo's process.</summary>
    public ConcurrentQueue<string> Fatal { get; } = new();

    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton<IFatalErrorHandler>(this);
        services.Configure<SiloConnectionOptions>(options =>
        {
            options.ConfigureSiloInboundConnection(Watch);
            options.ConfigureSiloOutboundConnection(Watch);
        });
    }

    public void Cut()
    {
        ConnectionContext[] open;
        lock (_lock)
        {
            _cut = true;
            open = [.. _open];
        }

        foreach (var connection in open)
            connection.Abort(new ConnectionAbortedException("the network is cut"));
    }

    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender, string? context, Exception? exception) => Fatal.Enqueue($"{sender}: {context}: {exception}");

    private void Watch(IConnectionBuilder builder) => builder.Use(next => async connection =>
    {
        lock (_lock)
        {
            if (!_cut)
                _open.Add(connection);
        }

        if (_cut)
        {
            connection.Abort(new ConnectionAbortedException("the network is cut"));
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            lock (_lock)
            {
                _open.Remove(connection);
            }
        }
    });
}
