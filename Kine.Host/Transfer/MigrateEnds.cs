using System.CommandLine;
using Grpc.Core;
using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Grains.Import;
using Kine.Grains.Snapshots;
using Kine.Host.Cli;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>Opens what <c>--from</c> names: a server, a store, or a snapshot file.</summary>
internal sealed class MigrateEnds(ParseResult parsed, ServerArguments server, StoreArguments store, bool skipHashCheck, bool dropAuth, StageProgress progress)
{
    private static readonly string[] ServerSchemes = ["http://", "https://", "unix://"];

    /// <summary>True for the address of a running server.</summary>
    public static bool IsServer(string endpoint) => ServerSchemes.Any(scheme => endpoint.StartsWith(scheme, StringComparison.Ordinal));

    public EtcdChannel Connect(string endpoint) => server.Connect(endpoint, parsed);

    /// <summary>A store, not yet open.</summary>
    public IRevisionStore Store(string endpoint) => StoreEndpoint.Parse(endpoint, store.Read(parsed)).Create();

    public async Task<IHistorySource> Source(string from, CancellationToken cancellationToken)
    {
        if (IsServer(from))
            return await ServerSource(from, cancellationToken);

        if (!from.Contains("://", StringComparison.Ordinal))
            return await Snapshot(from, cancellationToken);

        var endpoint = StoreEndpoint.Parse(from, store.Read(parsed));
        if (endpoint.Sqlite is { } sqlite && !File.Exists(sqlite.Path))
            throw new StoreRefusedException($"there is no file {sqlite.Path}");

        return await StoreSource.Open(endpoint.Create(), TimeProvider.System, cancellationToken);
    }

    public Task<IHistorySource> Snapshot(string path, CancellationToken cancellationToken) =>
        FileSource(SnapshotFile.Open(path), $"the snapshot file {path}", null, cancellationToken);

    private async Task<IHistorySource> FileSource(SnapshotFile file, string description, string? identity, CancellationToken cancellationToken)
    {
        try
        {
            await Check(file, cancellationToken);
            return new SnapshotSource(file, description, identity);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // The file has to be whole, unless nothing can tell and the caller said so.
    private async Task Check(SnapshotFile snapshot, CancellationToken cancellationToken)
    {
        if (!snapshot.HasChecksum && !skipHashCheck)
            throw new SnapshotException("the file has no checksum; if it is a copy of member/snap/db, say --skip-hash-check");

        if (snapshot.HasChecksum && !skipHashCheck
            && !await progress.Run("checking", snapshot.DatabaseLength, done => Task.FromResult(snapshot.ChecksumHolds(done, cancellationToken))))
        {
            throw new SnapshotException("the file is damaged: its checksum does not hold");
        }

        if (snapshot.Contents.AuthEnabled && !dropAuth)
            throw new SnapshotException("the file's server asked for a log-in, which this kine does not; say --drop-auth to restore without users and roles");
    }

    private async Task<IHistorySource> ServerSource(string from, CancellationToken cancellationToken)
    {
        using var channel = Connect(from);
        var pages = await ServerPages.Open(channel, cancellationToken);
        var path = Path.GetTempFileName();
        try
        {
            await progress.Run("reading the server", 100, async done =>
            {
                await SnapshotDownload.Save(channel, path, (got, all) => done(got * 100 / Math.Max(all, 1)), cancellationToken);
                return true;
            });
            var file = SnapshotFile.Open(path);
            return await FileSource(file, $"the server at {channel.Endpoint.Authority}", $"etcd cluster {pages.ClusterId:x}", cancellationToken);
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.Unimplemented or StatusCode.Unknown)
        {
            return await progress.Run("reading the keys", pages.Count, done => PagesSource.Read(channel, pages, done, cancellationToken));
        }
        finally
        {
            // An open file lives on without its name.
            File.Delete(path);
        }
    }
}
