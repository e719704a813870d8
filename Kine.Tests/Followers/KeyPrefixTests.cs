using System.Text;
using Kine.Grains.Cluster;
using Kine.Grains.Index;

namespace Kine.Tests.Followers;

/// <summary>Which ranges one prefix grain can answer alone.</summary>
public sealed class KeyPrefixTests
{
    [Theory]
    [InlineData("/registry/pods/default/a", "", "/registry/pods/")]
    [InlineData("/registry/pods/", "", "/registry/pods/")]
    [InlineData("/registry/pods/", "/registry/pods0", "/registry/pods/")]
    [InlineData("/registry/pods/default/", "/registry/pods/default0", "/registry/pods/")]
    [InlineData("/registry/pods/a", "/registry/pods0", "/registry/pods/")]
    [InlineData("/registry/pods/a", "/registry/pods/b", "/registry/pods/")]
    [InlineData("/registry/pods/b", "/registry/pods/a", "/registry/pods/")]
    [InlineData("/registry/pods/a", "/registry", "/registry/pods/")]
    [InlineData("///", "", "///")]
    [InlineData("a/b/c/d", "", "a/b/c/")]
    [InlineData("/registry/pods/", "/registry/pods1", null)]
    [InlineData("/registry/pods/", "/registry/pods00", null)]
    [InlineData("/registry/pods/", "/registry/q", null)]
    [InlineData("/registry/pods/", "\0", null)]
    [InlineData("/registry/pods", "/registry/pods/z", null)]
    [InlineData("/registry/", "/registry0", null)]
    [InlineData("/registry/pods", "", null)]
    [InlineData("plain", "", null)]
    [InlineData("\0", "\0", null)]
    public void A_range_belongs_to_the_prefix_that_holds_all_of_it(string start, string end, string? prefix)
    {
        var found = KeyPrefix.Of(new KeyRange(Encoding.UTF8.GetBytes(start), Encoding.UTF8.GetBytes(end)));
        Assert.Equal(prefix, found is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null);
    }
}
