using System.Globalization;
using Kine.Tests.Servers;

namespace Kine.Tests.Identity;

/// <summary>A real Kerberos KDC (MIT) of one realm on a loopback port, with principals for services on localhost.</summary>
public sealed class Kdc : IAsyncDisposable
{
    public const string Realm = "KINE.TEST";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly TempFolder _folder = new();
    private readonly int _port = FreePort.Next();
    private RunningProcess? _process;
    private int _files;

    /// <summary>krb5.conf of clients and servers of the realm.</summary>
    public string ConfigFile => _folder["krb5.conf"];

    /// <summary>Variables for the programs that use the realm.</summary>
    public Dictionary<string, string> Variables => new() { ["KRB5_CONFIG"] = ConfigFile, ["KRB5_KDC_PROFILE"] = _folder["kdc.conf"] };

    public async Task Start()
    {
        ServerAccount.Share(_folder.FullName);
        await File.WriteAllTextAsync(ConfigFile, $$"""
            [libdefaults]
              default_realm = {{Realm}}
              dns_lookup_kdc = false
              dns_lookup_realm = false
              dns_canonicalize_hostname = false
              rdns = false
              udp_preference_limit = 1
            [realms]
              {{Realm}} = {
                kdc = 127.0.0.1:{{_port}}
              }
            """);
        await File.WriteAllTextAsync(_folder["kdc.conf"], $$"""
            [kdcdefaults]
              kdc_listen = ""
              kdc_tcp_listen = 127.0.0.1:{{_port}}
            [realms]
              {{Realm}} = {
                database_name = {{_folder["principals"]}}
                key_stash_file = {{_folder["stash"]}}
                acl_file = {{_folder["acl"]}}
              }
            [logging]
              kdc = STDERR
            """);
        await Run("/usr/sbin/kdb5_util", "create", "-s", "-r", Realm, "-P", "master");
        _process = RunningProcess.Start("/usr/sbin/krb5kdc", ["-n"], environment: Variables);
        await _process.Printed("commencing operation", StartLimit);
    }

    /// <summary>Adds a principal with a random key.</summary>
    /// <param name="name">Without the realm.</param>
    /// <param name="life">How long its tickets live; null = a day.</param>
    public Task AddPrincipal(string name, TimeSpan? life = null) => Admin(string.Create(
        CultureInfo.InvariantCulture, $"addprinc -randkey -maxlife \"{(life ?? TimeSpan.FromDays(1)).TotalSeconds} seconds\" {name}"));

    /// <summary>A new keytab with new keys of these principals; older keytabs of theirs are worthless from then on.</summary>
    public async Task<string> NewKeytab(params string[] principals)
    {
        var file = _folder[string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref _files)}.keytab")];
        foreach (var principal in principals)
            await Admin($"ktadd -k {file} {principal}");

        return file;
    }

    /// <summary>A new credential cache with a ticket for the principal, as kinit leaves it.</summary>
    public async Task<string> NewCache(string principal, string keytab)
    {
        var file = _folder[string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref _files)}.cache")];
        await Run("/usr/bin/kinit", "-k", "-t", keytab, "-c", file, principal);
        return file;
    }

    private Task Admin(string query) => Run("/usr/sbin/kadmin.local", "-r", Realm, "-q", query);

    private async Task Run(string program, params string[] arguments)
    {
        var done = await Command.Run(program, arguments, within: StartLimit, environment: Variables);
        // kadmin.local answers failures with 0.
        if (done.ExitCode != 0 || done.Errors.Contains(" while ", StringComparison.Ordinal))
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {done.ExitCode}:\n{done.Output}\n{done.Errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.Kill();
            _process.Dispose();
        }
        _folder.Dispose();
    }
}
