using System.Globalization;
using System.Text.RegularExpressions;
using Kine.Tests.Servers;

namespace Kine.Tests.Runtime;

public sealed partial class HeapTrimTests
{
    [Fact]
    public async Task What_a_start_took_goes_back_to_the_system_when_the_server_is_quiet()
    {
        await using var kine = await KineServer.StartNew("", "--debug");

        await kine.Process.Printed("The heap was trimmed: ", TimeSpan.FromMinutes(5));

        var line = Trimmed().Match(kine.Process.Output);
        Assert.True(Bytes("after") < Bytes("before"), line.Value);

        long Bytes(string when) => long.Parse(line.Groups[when].ValueSpan, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("The heap was trimmed: (?<before>[0-9]+) bytes resident before, (?<after>[0-9]+) after")]
    private static partial Regex Trimmed();
}
