using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Backends.Stores;
using Kine.Grains.Hosting;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace Kine.Tests.Cluster;

/// <summary>Who can read the store but not write it knows all that the processes tell each other there, and can do nothing with it.</summary>
[Collection(PostgresCollection.Name)]
public sealed class StrangerTests(PostgresFixture fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_silo_that_is_not_in_the_store_cannot_join()
    {
        (var server, var members) = await StartServer();
        await using var ends = server;
        using var stranger = Stranger(members);
        using var limit = new CancellationTokenSource();
        var starting = stranger.StartAsync(limit.Token);
        await server.Process.Printed("Refused a connection", Patience);
        Assert.False(starting.IsCompleted);
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => starting.WaitAsync(Patience));
        Assert.DoesNotContain("are on this store", server.Process.Output);
    }

    [Fact]
    public async Task Who_is_not_in_the_store_cannot_call_a_grain()
    {
        (var server, var members) = await StartServer();
        await using var ends = server;
        var silo = Assert.Single((await new DocumentMembershipTable(members).ReadAllAsync(default)).Members).Item1.SiloAddress;
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleansClient(client => client
            .Configure<ClusterOptions>(cluster => cluster.ClusterId = cluster.ServiceId = "kine")
            .UseStaticClustering(silo.Endpoint)
            .UseTls(Anything));
        using var host = builder.Build();
        using var limit = new CancellationTokenSource();
        var starting = host.StartAsync(limit.Token);
        await server.Process.Printed("Refused a connection", Patience);
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => starting.WaitAsync(Patience));
    }

    [Fact]
    public async Task Plain_text_is_not_answered()
    {
        (var server, var members) = await StartServer();
        await using var ends = server;
        var silo = Assert.Single((await new DocumentMembershipTable(members).ReadAllAsync(default)).Members).Item1.SiloAddress;
        using var client = new TcpClient();
        await client.ConnectAsync(silo.Endpoint);
        await client.GetStream().WriteAsync(new byte[64]);
        var answer = client.GetStream().ReadAsync(new byte[64]).AsTask().WaitAsync(Patience);
        Assert.Equal(0, await answer.ContinueWith(read => read.IsCompletedSuccessfully ? read.Result : read.Exception!.InnerException is IOException ? 0 : -1));
    }

    // A server, and what who can read its store knows of it, in a document of his own.
    private async Task<(KineServer Server, ISharedDocument Members)> StartServer()
    {
        var server = KineServer.On(fixture.Server.NewEndpoint());
        await server.Start();
        await using var store = StoreEndpoint.Parse(server.Endpoint).Create();
        await store.Open(default);
        var copy = new MemorySharedDocument();
        Assert.True(await copy.TryReplace((await store.Membership!.Read(default)).Content, 0, default));
        return (server, copy);
    }

    private static IHost Stranger(ISharedDocument members)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(cluster => cluster.ClusterId = cluster.ServiceId = "kine");
            silo.Configure<EndpointOptions>(endpoints =>
            {
                endpoints.AdvertisedIPAddress = IPAddress.Loopback;
                endpoints.SiloPort = FreePort.Next();
                endpoints.GatewayPort = 0;
            });
            silo.Services.AddSingleton<IMembershipTable>(new DocumentMembershipTable(members));
            silo.UseTls(Anything);
        });
        return builder.Build();
    }

    private static void Anything(TlsOptions options)
    {
        options.LocalCertificate = Certificate();
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.AllowAnyRemoteCertificate();
        options.OnAuthenticateAsClient = (_, client) => client.TargetHost = "kine";
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest("CN=kine", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UtcNow.AddYears(1));
    }
}
