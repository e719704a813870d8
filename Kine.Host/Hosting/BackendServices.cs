using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Stores;
using Kine.Grains;
using Kine.Grains.Hosting;
using Kine.Grains.Watch;
using Kine.Host.Cli;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>Adds what is behind the front end; the store is chosen by the endpoint.</summary>
internal static class BackendServices
{
    private const long MostPageEvents = 1000; // etcd's own limit of revisions a reply

    /// <summary>Nothing is opened yet.</summary>
    /// <exception cref="StartException">The endpoint or an option for it is wrong.</exception>
    public static void Add(IServiceCollection services, ServerOptions options, ILoggerFactory logging)
    {
        var writer = new WriterOptions
        {
            QuotaBackendBytes = options.QuotaBackendBytes,
            EtcdVersion = options.EmulatedEtcdVersion,
            LeaseTime = options.LeaseTime,
            ProveAtStore = options.ReadProof == "store",
            CompactInterval = options.CompactInterval,
            CompactIntervalJitter = options.CompactIntervalJitter,
            CompactTimeout = options.CompactTimeout > TimeSpan.Zero ? options.CompactTimeout : Timeout.InfiniteTimeSpan,
            CompactMinRetain = options.CompactMinRetain,
            CompactBatchSize = (int)Math.Clamp(options.CompactBatchSize, 1, 100_000),
            CacheBytes = options.CacheBytes,
            ClientUrl = ClientUrl(options),
        };
        ILogger log = logging.CreateLogger<WatchHub>();
        var watches = new WatchHubOptions
        {
            ProgressInterval = options.WatchProgressNotifyInterval,
            PageEvents = (int)Math.Min(options.PollBatchSize, MostPageEvents),
            OnHistoryFailure = error => log.Log(
                error is EtcdException ? LogLevel.Debug : LogLevel.Warning, error, "Watches could not read the past"), // a writer that moves is told of elsewhere
        };
        try
        {
            var store = StoreEndpoint.Parse(options.Endpoint, Settings(options, logging)).Create();
            var grains = Grains(options, store);
            services.AddKine(store, writer with { MemberId = grains.Peers?.MemberId }, watches, grains);
        }
        catch (StoreRefusedException error)
        {
            throw new StartException(error.Message, wrongSettings: true, error);
        }
    }

    private static GrainHostingOptions Grains(ServerOptions options, IRevisionStore store) => store.IsExclusive || store.Membership is null
        ? new GrainHostingOptions()
        : new GrainHostingOptions
        {
            ClientUrls = options.AdvertiseClientUrls.Length > 0 ? Urls(options.AdvertiseClientUrls) : [ClientUrl(options)],
            PeerFiles = new PeerFiles(options.PeerCertFile, options.PeerKeyFile, options.PeerTrustedCaFile).Check(),
            Peers = PeerListener.Open(options.PeerListenAddress, options.PeerAdvertiseAddress, store.Servers),
        };

    private static string[] Urls(string text)
    {
        var urls = text.Split(',', StringSplitOptions.TrimEntries);
        return Array.TrueForAll(urls, static url => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "unix" or "unixs")
            ? urls
            : throw new StartException($"--advertise-client-urls {text} is not a list of URLs such as http://10.0.0.1:2379", wrongSettings: true);
    }

    private static StoreSettings Settings(ServerOptions options, ILoggerFactory logging) => new()
    {
        CaFile = options.CaFile,
        CertFile = options.CertFile,
        KeyFile = options.KeyFile,
        SkipVerify = options.SkipVerify,
        MaxIdleConnections = options.DatastoreMaxIdleConnections,
        MaxOpenConnections = options.DatastoreMaxOpenConnections,
        ConnectionMaxLifetime = options.DatastoreConnectionMaxLifetime,
        ConnectionMaxIdleTime = options.DatastoreConnectionMaxIdleTime,
        SlowSqlThreshold = options.SlowSqlThreshold,
        SlowSqlWarningThreshold = options.SlowSqlWarningThreshold,
        IdentityProvider = options.IdentityProvider,
        IdentityScope = options.IdentityScope,
        Logging = logging,
    };

    // What MemberList tells clients: the address they may use, where the listener names one. No host is all addresses, as 0.0.0.0 is.
    private static string ClientUrl(ServerOptions options)
    {
        if (options.ListenAddress.StartsWith("unix:", StringComparison.Ordinal))
            return options.ListenAddress;

        var address = options.ListenAddress.Split("://", 2)[^1];
        return $"{(options.ServerCertFile.Length > 0 ? "https" : "http")}://{(address.StartsWith(':') ? "0.0.0.0" : "")}{address}";
    }
}
