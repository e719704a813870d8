namespace Kine.Tests.Chaos;

/// <summary>Where the clients keep what.</summary>
internal static class Keys
{
    public const string All = "/registry/";
    public const string AllEnd = "/registry0";

    /// <summary>One value each, written by single calls.</summary>
    public const string Registers = "/registry/registers/";
    public const string RegistersEnd = "/registry/registers0";

    /// <summary>Numbers with a constant sum.</summary>
    public const string Accounts = "/registry/accounts/";
    public const string AccountsEnd = "/registry/accounts0";

    /// <summary>Keys that go with their leases.</summary>
    public const string Leases = "/registry/leases/";
    public const string LeasesEnd = "/registry/leases0";

    /// <summary>The last write of all, which every watch of the run sees.</summary>
    public const string End = "/registry/registers/end";

    public static bool IsRegister(string key) => key.StartsWith(Registers, StringComparison.Ordinal) && key != End;

    /// <summary>What names the client of a deletion, which has no value.</summary>
    public static string Note(int client) => $"/registry/notes/{client}";
}
