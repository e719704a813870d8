using System.Net.Sockets;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Kine.Grains.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>Kestrel as the host starts it last and stops it first: its socket file, its errors in a sentence, and a stop that ends streams and waits for calls.</summary>
/// <param name="kestrel">Listens on the addresses.</param>
/// <param name="settings">Where.</param>
/// <param name="health">Told when no more calls are served.</param>
internal sealed class ClientListener(IServer kestrel, GrpcServerSettings settings, HealthServiceImpl health) : IServer
{
    // How long open calls may take to end once the server stops. Kestrel takes up to a second more to cut the rest off.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private string? _socketPath; // of the file that this process made

    /// <summary>Fires when the server begins to stop; streams end then.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public IFeatureCollection Features => kestrel.Features;

    /// <summary>The addresses listened on, with the real ports; the client's comes first.</summary>
    public IReadOnlyList<string> Addresses => [.. Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];

    /// <summary>Port of the client address, 0 for a unix socket.</summary>
    public int Port => settings.Address.SocketPath is null ? BindingAddress.Parse(Addresses[0]).Port : 0;

    /// <exception cref="StartException">An address is taken or not of this machine.</exception>
    public async Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        try
        {
            if (settings.Address.SocketPath is { } path)
                DeleteLeftOver(path);

            await kestrel.StartAsync(application, cancellationToken);
        }
        catch (Exception error) when (error is IOException or SocketException or UnauthorizedAccessException)
        {
            var metrics = settings.MetricsAddress is { } address ? $" and {address} (metrics)" : string.Empty;
            throw new StartException($"cannot listen on {settings.Address}{metrics}: {error.Message.TrimEnd('.')}", wrongSettings: false, error);
        }

        _socketPath = settings.Address.SocketPath;
        if (_socketPath is not null && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(_socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        health.SetStatus(string.Empty, HealthCheckResponse.Types.ServingStatus.Serving);
    }

    /// <summary>Ends the streams, takes no more calls, waits for the open ones at most <see cref="DrainTime"/>, then cuts them off.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        health.SetStatus(string.Empty, HealthCheckResponse.Types.ServingStatus.NotServing);
        await _stopping.CancelAsync();
        using var drain = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        drain.CancelAfter(DrainTime);
        await kestrel.StopAsync(drain.Token);
        if (_socketPath is not null)
            File.Delete(_socketPath);
    }

    public void Dispose() => _stopping.Dispose();

    // A socket that nobody listens on was left by a process that was killed. What is served, or is no socket, stays, and cannot be listened on.
    private static void DeleteLeftOver(string path)
    {
        if (new FileInfo(path) is not { Exists: true, Length: 0 })
            return;

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
        }
    }
}
