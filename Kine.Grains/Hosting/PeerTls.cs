using System.Net;
using Kine.Backends.Tls;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace Kine.Grains.Hosting;

/// <summary>
/// Mutual TLS between processes. Without files of the user's each shows a certificate of its own making, and the store tells whose it is: after the handshake, for the
/// library asks during it where nothing may be waited for.
/// </summary>
internal static class PeerTls
{
    /// <summary>Sets it up, and the silo's name, which tells of it.</summary>
    public static void Use(ISiloBuilder silo, PeerFiles files, string[] clientUrls)
    {
        if (files.Given)
        {
            silo.Configure<SiloOptions>(options => options.SiloName = new PeerName(PeerName.OwnHost, "-", clientUrls).ToString());
            silo.Services.AddOptions<SiloConnectionOptions>().Configure<ILoggerFactory>((connections, logging) =>
            {
                var options = FromFiles(files, logging.CreateLogger(typeof(PeerTls)));
                connections.ConfigureSiloInboundConnection(builder => builder.UseServerTls(options));
                connections.ConfigureSiloOutboundConnection(builder => builder.UseClientTls(options));
            });
            return;
        }

        silo.Services.AddSingleton<PeerIdentity>().AddSingleton<PeerTrust>();
        silo.Services.AddOptions<SiloOptions>().Configure<PeerIdentity>(
            (options, identity) => options.SiloName = new PeerName(PeerName.OwnHost, PeerName.FingerprintOf(identity.Certificate), clientUrls).ToString());
        silo.Services.AddOptions<SiloConnectionOptions>().Configure<PeerIdentity, PeerTrust, ILoggerFactory>(static (connections, identity, trust, logging) =>
        {
            var log = logging.CreateLogger(typeof(PeerTls));
            var options = new TlsOptions { LocalCertificate = identity.Certificate, RemoteCertificateMode = RemoteCertificateMode.RequireCertificate };
            options.AllowAnyRemoteCertificate();
            options.OnAuthenticateAsClient = static (_, client) => client.TargetHost = "kine";
            connections.ConfigureSiloInboundConnection(builder =>
            {
                builder.UseServerTls(options);
                Check(builder, trust, static _ => null, log);
            });
            connections.ConfigureSiloOutboundConnection(builder =>
            {
                builder.UseClientTls(options);
                Check(builder, trust, static connection => connection.RemoteEndPoint as IPEndPoint, log);
            });
        });
    }

    private static void Check(IConnectionBuilder builder, PeerTrust trust, Func<ConnectionContext, IPEndPoint?> dialled, ILogger log) =>
        builder.Use(next => async connection =>
        {
            var shown = connection.Features.Get<ITlsConnectionFeature>()?.RemoteCertificate;
            if (await trust.Knows(shown, dialled(connection), connection.ConnectionClosed))
            {
                await next(connection);
                return;
            }

            log.LogWarning("Refused a connection with {Address}: the store knows no process with that certificate", connection.RemoteEndPoint);
            connection.Abort(new ConnectionAbortedException("not a process of this store"));
        });

    // Files are read for each connection, so that renewed ones count.
    private static TlsOptions FromFiles(PeerFiles files, ILogger log) => new()
    {
        LocalServerCertificateSelector = (_, _) => files.Own(),
        LocalClientCertificateSelector = (_, _, _, _, _) => files.Own(),
        RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
        RemoteCertificateValidation = (shown, chain, _) =>
        {
            if (CertificateTrust.Read(files.TrustedCa, CertificateTrust.ClientUsage).Refusal(shown, chain, null) is not { } refusal)
                return true;

            log.LogWarning("Refused a connection with another process: the certificate ({Subject}) {Reason}", shown.Subject, refusal);
            return false;
        },
        OnAuthenticateAsClient = static (_, client) => client.TargetHost = "kine",
    };
}
